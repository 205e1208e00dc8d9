/// A layer whose choice the layers after it repeat, as ``RowUnit/layers`` says.
struct LeadingLayer: Sendable {
  let layer: Int
  /// Tokens read when the layer chose.
  let tokens: Int
  /// For each key head, the positions that were forgotten.
  let forgotten: [Set<Int32>]

  /// Whether another layer repeats the choice: a later layer of the same `group` neighbouring
  /// layers, in the same decision.
  func leads(_ other: Int, in cache: borrowing CacheView, group: Int) -> Bool {
    layer < other && layer / group == other / group && tokens == cache.length.tokens
  }

  /// Writes into the plan the rows of another layer at the positions that were forgotten.
  func forgetAgain(in other: Int, of cache: borrowing CacheView, plan: inout CachePlan) {
    for (head, forgotten) in forgotten.enumerated() {
      let lane = cache.lane(layer: other, head: head)
      let positions = lane.positions
      plan.drop(lane.rowsByPosition().filter { forgotten.contains(positions[$0]) }, of: lane.id)
    }
  }
}
