/// A second look at the scores of a composed policy: the best rows of a first stage stay, and the
/// others compete by their scores times how far their values move the residual stream.
///
/// Feng et al., "Identify Critical KV Cache in LLM Inference from an Output Perturbation
/// Perspective" (CriticalKV), 2025; behaviour of NVIDIA/kvpress `CriticalKVPress`.
public struct CriticalRefinement: Hashable, Sendable {
  /// The name in configurations.
  public static let name = "critical"

  /// Added to a score before it is multiplied.
  public let epsilon: Float
  /// The share of the capacity that is chosen by scores alone.
  public let firstStage: Double

  /// Reads the settings `epsilon` and `firstStage`.
  public init(_ settings: inout Settings) throws(PolicyError) {
    epsilon = Float(
      try settings.number(
        "epsilon", default: 1e-4, in: 0...1, "added to a score before it is multiplied"))
    firstStage = try settings.number(
      "firstStage", default: 0.5, in: 0...1, "share of the capacity that is chosen by score alone")
  }

  /// Replaces the scores of a lane's rows that are not protected.
  func refine(_ candidates: inout Candidates, _ lane: borrowing LaneView, capacity: Int) {
    let sure = Int(firstStage * Double(capacity))
    for index in candidates.best(sure) where candidates.scores[index] < .infinity {
      candidates.scores[index] = .greatestFiniteMagnitude
    }
    let open = candidates.rows.indices.filter {
      candidates.scores[$0] < .greatestFiniteMagnitude || candidates.scores[$0].isNaN
    }
    let heads = lane.valueReach(of: open.map { candidates.rows[$0] })
    for (index, reach) in zip(open, GroupReduction.mean(heads)) {
      // Below the rows of the first stage, whatever the product.
      candidates.scores[index] = min(
        (candidates.scores[index] + epsilon) * reach, .greatestFiniteMagnitude.nextDown)
    }
  }
}
