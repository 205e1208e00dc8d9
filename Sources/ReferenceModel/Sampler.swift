import Foundation
import KVPolicyKit

/// Chooses a token from vocabulary logits.
///
/// The temperature divides the logits. Then `topK`, `topP` and `minP` each remove unlikely tokens,
/// and one of the remaining tokens is drawn. A temperature of 0 takes the token with the largest
/// logit; in a tie, the lowest token wins.
public struct Sampler: Sendable {
  /// Divides the logits; 0 for greedy.
  public let temperature: Float
  /// Keeps only the k most likely tokens; 0 keeps all.
  public let topK: Int
  /// Keeps only the most likely tokens that together reach this probability; 1 keeps all.
  public let topP: Float
  /// Keeps only tokens at least this fraction as likely as the most likely token; 0 keeps all.
  public let minP: Float
  private var random: SplitMix64

  /// The default settings.
  public enum Default {
    /// Keeps all tokens.
    public static let topK = 0
    /// Keeps the tokens of the whole probability.
    public static let topP: Float = 1
    /// Keeps every token, however unlikely.
    public static let minP: Float = 0
    /// The seed of the random draws.
    public static let seed: UInt64 = 0
  }

  /// A sampler that always takes the most likely token.
  public static let greedy = Sampler(
    valid: 0, Default.topK, Default.topP, Default.minP, seed: Default.seed)

  /// Makes a sampler.
  ///
  /// - Throws: `ModelError.request` for a value out of range.
  public init(
    temperature: Float, topK: Int = Default.topK, topP: Float = Default.topP,
    minP: Float = Default.minP, seed: UInt64
  ) throws(ModelError) {
    guard temperature >= 0, temperature.isFinite else {
      throw .request("a temperature of \(temperature) is not possible; use 0 (greedy) or more")
    }
    guard topK >= 0 else {
      throw .request("a top-k of \(topK) is not possible; use 1 or more, or 0 for all")
    }
    guard topP > 0, topP <= 1 else {
      throw .request("a top-p of \(topP) is not possible; use more than 0 and at most 1")
    }
    guard minP >= 0, minP <= 1 else {
      throw .request("a min-p of \(minP) is not possible; use 0 to 1")
    }
    self.init(valid: temperature, topK, topP, minP, seed: seed)
  }

  private init(valid temperature: Float, _ topK: Int, _ topP: Float, _ minP: Float, seed: UInt64) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    random = SplitMix64(seed: seed)
  }

  /// Chooses the next token; 0 if there are no logits.
  public mutating func next(_ logits: Span<Float>) -> Int {
    guard temperature > 0, !logits.isEmpty else { return Sampler.largest(logits) }
    var candidates = (0..<logits.count).map { (token: $0, logit: logits[$0]) }
    candidates.sort { $0.logit != $1.logit ? $0.logit > $1.logit : $0.token < $1.token }
    if topK > 0 { candidates.removeLast(max(0, candidates.count - topK)) }
    let top = candidates.first?.logit ?? 0
    var weights = candidates.map { exp(Double(($0.logit - top) / temperature)) }
    let total = weights.reduce(0, +)
    var reached = 0.0
    var kept = 0
    while kept < weights.count,
      kept == 0 || (reached < Double(topP) * total && weights[kept] >= Double(minP))
    {
      reached += weights[kept]
      kept += 1
    }
    weights.removeLast(weights.count - kept)
    var target = random.unit() * reached
    for (index, weight) in weights.enumerated() {
      target -= weight
      if target < 0 { return candidates[index].token }
    }
    return candidates[kept - 1].token
  }

  /// The token with the largest logit; in a tie, the lowest token. 0 if there are no logits.
  public static func largest(_ logits: Span<Float>) -> Int {
    var best = 0
    for token in 1..<max(1, logits.count) where logits[token] > logits[best] { best = token }
    return best
  }
}
