import Foundation
import KVPolicyKit

/// Keeps the rows whose values add most to what a typical future query reads.
///
/// Behaviour of NVIDIA/kvpress `CapPress`. Values span a space; a row counts by its attention and
/// by how little the values of other attended rows say in its direction.
public struct Cap: RowScore {
  /// The name in configurations.
  public static let name = "cap"
  /// What the score prefers.
  public static let summary = "keeps attended rows whose values others do not span"
  /// Where the score was published.
  public static let source = "NVIDIA/kvpress CapPress"

  let tau: Float
  let futurePositions: Int
  let sinks: Int
  private var queries: QueryStatistics

  /// Reads the score's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    tau = Float(
      try settings.number(
        "tau", default: 5, in: 0...1000, "how much the cosine with the mean query weighs"))
    futurePositions = try settings.futurePositions()
    sinks = try settings.integer(
      "sinks", default: 4, atLeast: 0, "first rows, which rank highest; their queries do not count")
    queries = QueryStatistics(sinks: sinks, scatter: false)
  }

  /// The queries of the prompt, un-rotated.
  public var signals: Set<Signal> { [.queries(.raw)] }
  /// The means of the queries.
  public var stateBytes: Int { queries.bytes }

  /// Adds the chunk's queries to their means.
  public mutating func prefill(_ layer: borrowing LayerView) { queries.add(layer) }

  /// For each row `w vᵀ A⁻¹ v`, where A is the unit matrix plus the sum of `w v vᵀ` of all rows but
  /// the first; the mean over the group.
  ///
  /// - Complexity: O(group · rows · headDimension²).
  public func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    scores(of: rows, after: sinks) { rows in
      var values: [[Double]] = []
      lane.forEachValue(of: rows) { _, value in
        values.append(value.indices.map { Double(value[$0]) })
      }
      return GroupReduction.mean(
        weights(lane, rows).map { weights in
          let span = Cholesky(ridge: 1, weights.map { $0 + 1e-6 }, values)
          return zip(weights, values).map { Float($0 * span.inverseForm($1)) }
        })
    }
  }

  /// For each query head and row, `exp(τ · cosine)` of the mean future query and the key, relative
  /// to the greatest.
  private func weights(_ lane: borrowing LaneView, _ rows: [Int]) -> [[Double]] {
    let rotation = lane.rotation
    let turns = rotation?.mean(over: lane.nextPlace..<lane.nextPlace + futurePositions)
    let anchors = (0..<lane.group).map { head in
      guard var anchor = queries.head(head, of: lane)?.mean else { return [Float]() }
      var span = anchor.mutableSpan
      if let rotation, let turns { rotation.turn(&span, by: turns) }
      return anchor
    }
    var cosines = anchors.map { _ in [Float](repeating: 0, count: rows.count) }
    lane.forEachKey(of: rows, .atPosition) { index, key in
      // Before the first prompt there is no query to compare with.
      for (head, anchor) in anchors.enumerated() where !anchor.isEmpty {
        let anchor = anchor.span
        let lengths = (anchor.dot(anchor) * key.dot(key)).squareRoot()
        cosines[head][index] = anchor.dot(key) / max(lengths, .leastNormalMagnitude)
      }
    }
    return cosines.map { cosines in
      let greatest = cosines.max() ?? 0
      return cosines.map { exp(Double(tau * ($0 - greatest))) }
    }
  }
}
