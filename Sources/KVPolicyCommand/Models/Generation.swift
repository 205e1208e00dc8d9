import Evaluation
import KVPolicyKit
import ReferenceModel
import Reporting

/// A generation: reads a prompt, then writes token after token.
struct Generation {
  private let session: LlamaSession
  private let endTokens: Set<Int>
  private var sampler: Sampler
  private var stream: TokenStream
  private var promptTokens = 0
  private var promptSeconds = 0.0
  private var decodeSteps = 0
  private var decodeSeconds = 0.0
  /// Why the generation stopped before an end token and before the requested number of tokens, or
  /// nil.
  private(set) var stopReason: String?

  init(session: LlamaSession, tokenizer: Tokenizer, sampler: Sampler, endTokens: Set<Int>) {
    self.session = session
    self.endTokens = endTokens
    self.sampler = sampler
    stream = tokenizer.makeStream(skipSpecial: true)
  }

  /// Reads the prompt.
  mutating func read(_ tokens: [Int], chunk: Int) throws {
    let start = ContinuousClock.now
    try session.prefill(tokens, chunk: chunk)
    promptSeconds += seconds(since: start)
    promptTokens += tokens.count
  }

  /// Writes until an end token, the limit, or the end of the model's context.
  mutating func write(
    atMost limit: Int, _ print: (String) throws(CommandError) -> Void
  ) throws {
    // A local name, so that borrowing the vocabulary logits does not borrow `self` with its
    // sampler.
    let session = session
    for index in 0..<limit {
      let token = sampler.next(session.logits)
      if endTokens.contains(token) { break }
      try print(stream.push(token))
      // The last token need not be decoded, because no token follows it.
      guard index < limit - 1 else { break }
      if let reason = fullContext {
        stopReason = reason
        break
      }
      let start = ContinuousClock.now
      try session.decode(token)
      decodeSeconds += seconds(since: start)
      decodeSteps += 1
    }
    try print(stream.finish())
  }

  /// Why the next token has no position within the model's context, or nil. Where keys are rotated
  /// at their rank in the cache, the cache's size counts and not the length of the text.
  private var fullContext: String? {
    let (sequence, model) = (session.sequence, session.model)
    let context = model.configuration.contextLength
    for layer in 0..<model.shape.layers {
      let rule = sequence.policy(ofLayer: layer).positions
      let rows = (0..<model.shape.keyHeads).map { sequence.rowCount(layer: layer, head: $0) }
      let next = rule == .compacted ? rows.max() ?? 0 : sequence.length.tokens
      guard next >= context else { continue }
      return "stopped: the model's context of \(context) positions is full; a policy that evicts, "
        + #"with "positions": "compacted", goes on"#
    }
    return nil
  }

  /// A summary of the cache and the speed, for people.
  func summary(_ policy: String) -> String {
    let statistics = session.sequence.statistics
    let rows = Quantities.range(statistics.shortestLane, statistics.longestLane)
    let text = """
      \(TerminalText.escaped(policy)): \(rows) of \(statistics.tokens) rows per lane, \
      \(Quantities.bytes(statistics.residentBytes)) resident \
      (peak \(Quantities.bytes(statistics.peakResidentBytes))), \
      footprint\(TerminalText.bond)\(Quantities.percent(statistics.footprint))
      prompt: \(promptTokens) tokens, \(speed(promptTokens, promptSeconds)); \
      decode: \(decodeSteps) steps, \(speed(decodeSteps, decodeSeconds))
      """
    return TerminalText.wrapped(text) + "\n"
  }

  private func speed(_ count: Int, _ seconds: Double) -> String {
    seconds > 0 ? Quantities.speed(Double(count) / seconds) + " tokens/s" : "no time at all"
  }

  private func seconds(since start: ContinuousClock.Instant) -> Double {
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
