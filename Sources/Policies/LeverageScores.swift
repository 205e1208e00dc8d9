import Foundation
import KVPolicyKit

/// Keeps the keys of the greatest leverage: how little other keys say in their direction.
///
/// Behaviour of NVIDIA/kvpress `LeverageScorePress`. Keys are un-rotated, centred, and projected by
/// a random matrix.
public struct LeverageScores: RowScore {
  /// The name in configurations.
  public static let name = "leverage"
  /// What the score prefers.
  public static let summary = "keeps the keys whose direction other keys do not span"
  /// Where the score was published.
  public static let source = "NVIDIA/kvpress LeverageScorePress"

  let sketch: Tensor?
  let sketchSize: Int
  let seed: UInt64
  let jitter: Double

  /// Reads the score's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    sketch = try settings.artifact(
      "sketch", kind: "sketch", isOptional: true,
      "the random matrices, layers × key heads × elements of a key × size; null to draw them"
    ) { artifact, shape throws(ArtifactError) in
      try artifact.tensor(
        "sketch", shape: [shape.layers, shape.keyHeads, shape.headDimension, nil])
    }
    sketchSize = try settings.integer(
      "sketchSize", default: 48, atLeast: 1, atMost: 4096,
      "elements of a projected key, if matrices are drawn")
    seed = UInt64(
      try settings.integer("seed", default: 0, atLeast: 0, "from which the matrices are drawn"))
    jitter = try settings.number(
      "jitter", default: 0.01, in: 1e-12...1e6, "added to the diagonal of the Gram matrix")
  }

  /// `xᵀ (XᵀX + jitter)⁻¹ x` for the projection x of each key.
  ///
  /// - Complexity: O(rows · size · (headDimension + size)).
  public func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    let all = lane.rowsByPosition()
    var keys: [[Float]] = []
    var mean: [Float] = []
    // A drawn matrix knows no order of elements; a matrix from a file has the order of its model.
    let rotation = sketch == nil ? nil : lane.rotation
    lane.forEachKey(of: all, .raw) { _, key in
      let key = rotation.trainedOrder(of: key)
      if mean.isEmpty { mean = [Float](repeating: 0, count: key.count) }
      for element in key.indices { mean[element] += key[element] / Float(all.count) }
      keys.append(key)
    }
    let matrix = matrix(of: lane.id, height: mean.count)
    let size = matrix.count / max(1, mean.count)
    let projected = keys.map { key in
      var sum = [Float](repeating: 0, count: size)
      for (element, value) in key.enumerated() {
        var target = sum.mutableSpan
        target.add(
          matrix.span.extracting(element * size..<(element + 1) * size),
          times: (value - mean[element]) / Float(size).squareRoot())
      }
      return sum.map(Double.init)
    }
    let gram = Cholesky(ridge: jitter, projected.map { _ in 1 }, projected)
    var scores = [Float](repeating: 0, count: all.count)
    for (row, x) in zip(all, projected) { scores[row] = Float(gram.inverseForm(x)) }
    return rows.map { scores[$0] }
  }

  /// The random matrix of a lane, row by row.
  private func matrix(of lane: LaneID, height: Int) -> [Float] {
    if let sketch {
      let count = height * sketch.shape[3]
      let first = (lane.layer * sketch.shape[1] + lane.head) * count
      return Array(sketch.values[first..<first + count])
    }
    var numbers = SplitMix64(seed: SplitMix64.bits(seed: seed, at: [lane.layer, lane.head]))
    return (0..<height * sketchSize).map { _ in
      // The Box–Muller transform of two uniform numbers, the first of which is not 0.
      let uniform = (0..<2).map { _ in (Double(numbers.next() >> 11) + 0.5) * 0x1p-53 }
      return Float((-2 * log(uniform[0])).squareRoot() * cos(2 * .pi * uniform[1]))
    }
  }
}
