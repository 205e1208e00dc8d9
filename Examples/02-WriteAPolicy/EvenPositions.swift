import KVPolicyKit

/// Prefers tokens at even positions: a silly score, and a complete one.
struct EvenPositions: RowScore {
  static let name = "evenpositions"
  static let summary = "prefers tokens at even positions"
  static let source = "nobody has published this"

  init(_ settings: inout Settings) throws(PolicyError) {}

  func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    rows.map { lane.positions[$0] % 2 == 0 ? 1 : 0 }
  }
}
