import Foundation
import KVPolicyKit

/// Chooses a token from logits.
///
/// Order: temperature, then `topK`, `topP`, `minP` each drop what is unlikely, then a draw. A temperature
/// of 0 takes the largest logit; equal ones go to the lower token.
public struct Sampler: Sendable {
  /// Divides the logits; 0 for greedy.
  public let temperature: Float
  /// Only the k most likely; 0 for all.
  public let topK: Int
  /// Only the most likely that together reach this probability; 1 for all.
  public let topP: Float
  /// Only those at least this fraction as likely as the most likely; 0 for all.
  public let minP: Float
  private var random: SplitMix64

  /// What holds where nothing else is set.
  public enum Default {
    /// Among how many tokens to choose: all of them.
    public static let topK = 0
    /// Which probability they must reach together: that of all tokens.
    public static let topP: Float = 1
    /// How likely each must be, relative to the most likely: at all.
    public static let minP: Float = 0
    /// Where chance begins.
    public static let seed: UInt64 = 0
  }

  /// Always the most likely token.
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

  /// The next token.
  public mutating func next(_ logits: Span<Float>) -> Int {
    guard temperature > 0 else { return Sampler.largest(logits) }
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

  /// The token with the largest logit; of equals the lower one.
  public static func largest(_ logits: Span<Float>) -> Int {
    var best = 0
    for token in 1..<max(1, logits.count) where logits[token] > logits[best] { best = token }
    return best
  }
}
