import Foundation
import KVPolicyKit
import LongTasks
import ReferenceModel

/// The names of a ``TextTask``'s scores.
enum TextScore {
  static let value = "value"
  /// The probability of the first token of a due word.
  static let firstProbability = "firstProbability"
  /// Whether this token is the likeliest.
  static let firstTop1 = "firstTop1"
  /// The probability of all tokens of a due word.
  static let wordProbability = "wordProbability"
  /// Whether each of them is the likeliest.
  static let wordTop1 = "wordTop1"
  /// Follows the kind of a check whose block the response may lack.
  static let found = "Found"
}

/// One policy's reading of a text, and the response after it.
struct TextReading {
  /// Stretches of the true response, each with its own scores.
  private static let stretches = 8

  private let session: LlamaSession
  private let chunk: Int
  /// Bytes behind the policy before it has read anything.
  private let held: Int
  private var times = SweepTimes.Document()
  private var scores: [String: SweepScore] = [:]
  private var stretches: [SweepDocument.Stretch] = []
  private var decodeTokens = 0

  init(_ configuration: PolicyConfiguration, on engine: SweepEngine) throws {
    session = try engine.makeSession(configuration)
    chunk = engine.options.chunk
    held = session.sequence.heldStateBytes
  }

  /// Reads the prompt, and then writes the response or reads the true one.
  mutating func read(_ sample: TextSample) throws {
    let start = ProcessorTime.now().seconds
    for prompt in sample.prompts {
      try session.prefill(prompt, chunk: chunk)
      if times.firstTokenSeconds == 0 {
        times.firstTokenSeconds = ProcessorTime.now().seconds - start
      }
    }
    times.promptSeconds = ProcessorTime.now().seconds - start
    if let forced = sample.forced {
      try force(forced, count: sample.responseTokens)
    } else {
      try write(sample)
    }
    times.decodeSeconds = ProcessorTime.now().seconds - start - times.promptSeconds
  }

  /// Writes the likeliest tokens until the model ends, or until the sample's limit, and scores the
  /// text. The session reads the last token too, so that the rows cover all written tokens.
  private mutating func write(_ sample: TextSample) throws {
    var written: [Int] = []
    while written.count < sample.text.maxTokens {
      let token = Sampler.largest(session.logits)
      if sample.frame.endTokens.contains(token) { break }
      written.append(token)
      try session.decode(token)
    }
    decodeTokens = written.count
    let score = sample.text.score(
      try sample.frame.tokenizer.decode(written, skipSpecial: true))
    scores[TextScore.value] = SweepScore(sum: score.value, count: 1)
    for (name, measure) in score.measures { scores[name] = SweepScore(sum: measure, count: 1) }
    for (kind, tally) in score.tallies {
      scores[kind] = SweepScore(sum: Double(tally.hits), count: tally.due)
      scores[kind + TextScore.found] = SweepScore(sum: Double(tally.hits), count: tally.found)
    }
  }

  /// Reads the true response, and scores the predictions of its due words.
  private mutating func force(_ segments: [TextSample.ForcedTokens], count: Int) throws {
    let parts = min(TextReading.stretches, count)
    stretches = (0..<parts).map { part in
      SweepDocument.Stretch(
        from: count * part / parts, to: count * (part + 1) / parts, scores: [:])
    }
    for segment in segments {
      let place = decodeTokens
      var word = PredictedWord()
      for (index, token) in segment.tokens.enumerated() {
        if segment.due != nil { word.add(token, session, isFirst: index == segment.first) }
        try session.decode(token)
        decodeTokens += 1
      }
      if let kind = segment.due { add(word, kind, at: place) }
    }
  }

  /// Adds the scores of a word to the stretch in which it begins, and to the document's scores.
  private mutating func add(_ word: PredictedWord, _ kind: String, at place: Int) {
    let stretch = stretches.firstIndex { place < $0.to }
    for (name, part) in word.parts {
      scores[name, default: SweepScore()].add(part)
      if let stretch { stretches[stretch].scores[name, default: SweepScore()].add(part) }
    }
    scores[kind, default: SweepScore()].add(word.probability)
  }

  /// The measurement; the sweep numbers it.
  func measurement(of sample: TextSample) -> SweepMeasurement {
    var times = times
    times.hooks = session.policyTime
    return SweepMeasurement(
      document: SweepDocument(
        depth: sample.text.depth, promptTokens: sample.promptTokens, decodeTokens: decodeTokens,
        scores: scores, stretches: stretches, cache: session.sequence.statistics,
        uncountedBytes: session.sequence.uncountedStateBytes(since: held)),
      times: times)
  }
}

/// How a model predicts the tokens of a word.
private struct PredictedWord {
  private var nats = 0.0
  private var isTop = true
  private var first = (probability: 0.0, isTop: false)

  /// The probability of all tokens.
  var probability: Double { exp(-nats) }

  /// Adds a token, before the session reads it.
  mutating func add(_ token: Int, _ session: LlamaSession, isFirst: Bool) {
    let surprise = Distribution.surprise(of: token, under: session.logits)
    let isLikeliest = Sampler.largest(session.logits) == token
    if isFirst { first = (exp(-surprise), isLikeliest) }
    nats += surprise
    isTop = isTop && isLikeliest
  }

  /// The scores' parts.
  var parts: [(name: String, part: Double)] {
    [
      (TextScore.firstProbability, first.probability),
      (TextScore.firstTop1, first.isTop ? 1 : 0),
      (TextScore.wordProbability, probability),
      (TextScore.wordTop1, isTop ? 1 : 0),
    ]
  }
}
