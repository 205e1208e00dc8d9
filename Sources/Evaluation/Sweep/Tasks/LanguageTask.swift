public import KVPolicyKit
import ReferenceModel

/// A sweep's task that reads stretches of a text and measures how a policy moves the model's
/// predictions: perplexity, divergence from full attention, and agreement with it, by position.
///
/// Document n is the n-th stretch of the text. Its first tokens are the prompt; the tokens after
/// them are forced, one by one. The scores are means over the predictions of these tokens:
///
/// - `nats`: the surprise of the true token; the perplexity is `exp` of the mean.
/// - `divergence`: KL(full || policy) in nats.
/// - `top1`: whether the policy's likeliest token is full attention's.
/// - `top5`: whether the likeliest token of full attention is among the policy's five likeliest.
public struct LanguageTask: SweepTask {
  /// The text.
  public let text: SweepText
  /// The length of the prompt: a number of tokens, or a share of the document's.
  let prompt: Budget

  /// Stretches of the forced tokens, each with its own scores.
  private static let stretches = 16
  /// The prompt is a quarter of a document, unless a plan says otherwise.
  static let defaultPrompt = Budget.share(1, of: 4)

  /// The task's name.
  public var name: String { "language" }
  /// The text and the length of the prompt.
  public var settings: [String: JSONValue] {
    ["text": text.value, "prompt": .string(prompt.text)]
  }
  /// The surprise of a token.
  public var quality: (score: String, better: SweepCell.Better) { ("nats", .less) }
  /// Nothing is asked, and all tokens are forced.
  public var conditions: SweepConditions {
    SweepConditions(questionSeen: .none, sampling: .forced)
  }
  /// A text draws nothing.
  public var usesSeeds: Bool { false }
  /// Full attention runs beside the configurations, once for all of them.
  public var together: Int { 8 }

  /// A sample of the task.
  public struct Sample: Sendable {
    /// All tokens.
    let tokens: [Int]
    /// How many of them are the prompt.
    let promptTokens: Int
  }

  /// Refuses a text that is too short, and a prompt that leaves nothing to predict.
  public func check(length: Int, seed: Int, documents: Int, for model: SweepModel) throws {
    let has = try model.tokens(of: text).count
    let (needed, overflows) = length.multipliedReportingOverflow(by: documents)
    guard !overflows, needed <= has else {
      throw SweepError.plan(
        "the text '\(text.file ?? BuiltInText.name)' has \(has) tokens for \(model.name), and "
          + "\(documents) documents of \(length) tokens need more; give a longer text or ask for "
          + "fewer or shorter ones")
    }
    let count = promptTokens(length)
    guard (1..<length).contains(count) else {
      throw SweepError.plan(
        "a prompt of \(prompt.text) leaves no prompt or nothing to predict in documents of "
          + "\(length) tokens; give a prompt of 1 to \(length - 1) tokens")
    }
  }

  private func promptTokens(_ length: Int) -> Int {
    guard case .rows(let count) = prompt.amount(tokens: length) else { return 0 }
    return count
  }

  /// A stretch of the text.
  public func sample(
    _ number: Int, length: Int, seed: Int, for model: SweepModel
  ) throws -> Sample {
    let tokens = try model.tokens(of: text)
    return Sample(
      tokens: Array(tokens[number * length..<(number + 1) * length]),
      promptTokens: promptTokens(length))
  }

  /// All tokens after the prompt are forced.
  public func work(_ sample: Sample) -> (prompt: Int, decode: Int) {
    (sample.promptTokens, sample.tokens.count - sample.promptTokens)
  }

  /// Reads the stretch under all configurations, token by token, beside full attention.
  public func measure(
    _ sample: Sample, under configurations: [PolicyConfiguration], on engine: SweepEngine
  ) throws -> [SweepMeasurement] {
    let full = try ForcedReading(sample, Comparison.reference, on: engine)
    // The reference measures full attention's own cell too.
    let readings = try configurations.map { configuration in
      try configuration == Comparison.reference
        ? full : ForcedReading(sample, configuration, on: engine)
    }
    let all = [full] + readings.filter { $0 !== full }
    for reading in all { try reading.readPrompt() }
    let forced = sample.tokens.count - sample.promptTokens
    let parts = min(LanguageTask.stretches, forced)
    for part in 0..<parts {
      let range =
        sample.promptTokens + forced * part / parts..<sample.promptTokens + forced * (part + 1)
        / parts
      for reading in all { reading.beginStretch(range) }
      for position in range {
        for reading in all { reading.compare(position, with: full) }
        for reading in all { try reading.read(position) }
      }
    }
    return readings.map(\.measurement)
  }
}

/// One policy's reading of a sample, with its scores so far.
private final class ForcedReading {
  private let sample: LanguageTask.Sample
  private let session: LlamaSession
  private let chunk: Int
  /// Bytes behind the policy before it has read anything.
  private let held: Int
  private var times = SweepTimes.Document()
  private var stretches: [SweepDocument.Stretch] = []
  /// The scores of the stretch at hand, by the order of `names`.
  private var scores: [SweepScore] = []
  private static let names = ["nats", "divergence", "top1", "top5"]

  init(
    _ sample: LanguageTask.Sample, _ configuration: PolicyConfiguration, on engine: SweepEngine
  ) throws {
    (self.sample, chunk) = (sample, engine.options.chunk)
    session = try engine.makeSession(configuration)
    held = session.sequence.heldStateBytes
  }

  func readPrompt() throws {
    let start = ProcessorTime.now().seconds
    try session.prefill(Array(sample.tokens[..<sample.promptTokens]), chunk: chunk)
    times.promptSeconds = ProcessorTime.now().seconds - start
    times.firstTokenSeconds = times.promptSeconds
  }

  func beginStretch(_ range: Range<Int>) {
    endStretch()
    stretches.append(.init(from: range.lowerBound, to: range.upperBound, scores: [:]))
    scores = ForcedReading.names.map { _ in SweepScore() }
  }

  private func endStretch() {
    guard let last = stretches.indices.last else { return }
    stretches[last].scores = Dictionary(uniqueKeysWithValues: zip(ForcedReading.names, scores))
  }

  /// Adds the prediction of a position's token, and its comparison with full attention's.
  func compare(_ position: Int, with full: ForcedReading) {
    // Local names, because logits can be borrowed from a constant only.
    let (session, reference) = (session, full.session)
    scores[0].add(Distribution.surprise(of: sample.tokens[position], under: session.logits))
    guard full !== self else {
      for index in 1..<scores.count { scores[index].add(index == 1 ? 0 : 1) }
      return
    }
    scores[1].add(Distribution.divergence(from: reference.logits, to: session.logits))
    let rank = Distribution.rank(of: Sampler.largest(reference.logits), under: session.logits)
    scores[2].add(rank == 0 ? 1 : 0)
    scores[3].add(rank < 5 ? 1 : 0)
  }

  /// Reads a position's token.
  func read(_ position: Int) throws {
    let start = ProcessorTime.now().seconds
    try session.decode(sample.tokens[position])
    times.decodeSeconds += ProcessorTime.now().seconds - start
  }

  var measurement: SweepMeasurement {
    endStretch()
    times.hooks = session.policyTime
    let sums = stretches.reduce(into: [String: SweepScore]()) { sums, stretch in
      for (name, score) in stretch.scores { sums[name, default: SweepScore()] += score }
    }
    return SweepMeasurement(
      document: SweepDocument(
        promptTokens: sample.promptTokens,
        decodeTokens: sample.tokens.count - sample.promptTokens, scores: sums,
        stretches: stretches, cache: session.sequence.statistics,
        uncountedBytes: session.sequence.uncountedStateBytes(since: held)),
      times: times)
  }
}
