import KVPolicyKit

extension SampleItem {
  /// A sample of LongGenBench. The published score asks a judge whether a block has the text of a
  /// check; here the block must hold the text itself, in any case.
  init(longGenBench record: SampleRecord) throws(LongTaskError) {
    let kinds = BlockPlan.kinds.map { (kind: $0, key: "checks_" + $0) }
    try record.check(required: ["prompt", "type", "prefix", "number"] + kinds.map(\.key))
    let number = try record.number("number", in: 1...10_000)
    var checks: [BlockPlan.Check] = []
    for (kind, key) in kinds {
      checks += try SampleItem.checks(key, kind, record)
    }
    context = (try record.filledText("prompt")) + "\n"
    answerPrefix = try record.text("prefix")
    guard answerPrefix.hasPrefix(BlockPlan.marker) else {
      throw record.mistake("prefix", "the first block's header, which begins with #*#")
    }
    // MorphKV generates 8,000 tokens.
    (maxTokens, takesRest) = (8000, true)
    scoring = .blocks(
      BlockPlan(
        type: try record.filledText("type"), count: number, checks: checks,
        matchesWholeWords: false))
  }

  /// The checks of a kind, by block. A check of a block beyond the last one is kept: it can never
  /// be met, and counts in the strict denominator, as in the published data.
  private static func checks(
    _ key: String, _ kind: String, _ record: SampleRecord
  ) throws(LongTaskError) -> [BlockPlan.Check] {
    let legal = "an object whose keys are numbers of blocks and whose values are texts"
    guard case .object(let members) = record.members[key] else { throw record.mistake(key, legal) }
    let checks = try members.map { block, text throws(LongTaskError) in
      // The published long set has numbers with leading zeros.
      guard let number = Int(block), number >= 1, block.utf8.allSatisfy({ $0 != 0x2B }),
        case .string(let text) = text, !text.isEmpty
      else { throw record.mistake(key, legal) }
      return BlockPlan.Check(kind: kind, block: number, word: text)
    }
    return checks.sorted { $0.block < $1.block }
  }
}
