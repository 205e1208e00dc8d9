import KVPolicyKit

/// A long response in numbered blocks, built as LongGenBench's: rules that are stated once say
/// which code words are due in which blocks.
public struct ListResponseTask: LongTask {
  /// The fewest and most words of filler in a true block. LongGenBench asks for 150 to 220 words.
  static let words = 12...200

  /// The name of the scenario.
  public var name: String { scenario.rawValue }
  /// What the blocks are about.
  public let scenario: ResponseScenario

  /// A task about a scenario.
  public init(_ scenario: ResponseScenario) { self.scenario = scenario }

  /// Greedy, with an answer prefix: the first block's header.
  public var fixedSwitches: [ProtocolSwitch: String] { .matched }

  /// A sample with as many blocks as fit, up to LongGenBench's number, and then with blocks as long
  /// as fit.
  ///
  /// The response may be a quarter longer than the true response, so that a model that writes more
  /// can still finish.
  public func sample(
    _ number: Int, seed: Int, tokens: Int, count: @escaping TokenCount
  ) throws(LongTaskError) -> LongTaskSample {
    let request = try SampleRequest(name, number, seed: seed, tokens: tokens, count: count)
    let counts = scenario.counts
    let sizes = 0...counts.count - 1 + ListResponseTask.words.count - 1
    return try request.largest(in: sizes) { size in
      let blocks = counts[min(size, counts.count - 1)]
      let words = ListResponseTask.words.lowerBound + max(0, size - (counts.count - 1))
      return sample(request, blocks: blocks, words: words)
    }
  }

  private func sample(_ request: SampleRequest, blocks: Int, words: Int) -> LongTaskSample {
    var random = request.random(.facts)
    let rules = ResponseRules(scenario, count: blocks, using: &random)
    let forced = trueResponse(
      rules.checks, blocks: blocks, words: words, Essay(request.random(.filler)))
    let stated = rules.lines.enumerated().map { "\($0 + 1)) \($1)" }.joined(separator: "\n")
    return LongTaskSample(
      context: scenario.scene(blocks) + " Obey these rules; each has a code word.\n" + stated,
      question: "\n\nBegin each entry with '\(BlockPlan.marker)' and its title, as in "
        + "'\(header(1, of: blocks))'. After the title write 'Code words:' and the code words of "
        + "the rules that hold for this entry, or 'none'. Then write at least \(words) words. "
        + "Write all \(blocks) entries in order, and leave none out.\n\n",
      answerPrefix: header(1, of: blocks),
      maxTokens: request.count(forced.map(\.text).joined()) * 5 / 4 + 16,
      forced: forced,
      scoring: .blocks(BlockPlan(type: scenario.type, count: blocks, checks: rules.checks)))
  }

  private func header(_ block: Int, of count: Int) -> String {
    "\(BlockPlan.marker) \(scenario.type) \(block)\(scenario.detail(block, of: count)):"
  }

  /// The true response after the first header.
  private func trueResponse(
    _ checks: [BlockPlan.Check], blocks: Int, words: Int, _ essay: Essay
  ) -> [ForcedSegment] {
    var essay = essay
    var (segments, text) = ([ForcedSegment](), "")
    for block in 1...blocks {
      text += (block == 1 ? "" : header(block, of: blocks)) + " Code words:"
      let due = checks.filter { $0.block == block }
      for (index, check) in due.enumerated() {
        segments.append(ForcedSegment(text + (index == 0 ? "" : ",")))
        segments.append(
          ForcedSegment(" " + check.word, due: .init(kind: check.kind, block: block)))
        text = ""
      }
      text +=
        (due.isEmpty ? " none." : ".") + " " + essay.words(words)
        + (block == blocks ? "\n" : "\n\n")
    }
    return segments + [ForcedSegment(text)]
  }
}
