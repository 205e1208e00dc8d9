import KVPolicyKit
import KVPolicyTesting

extension CacheShape {
  /// One lane of tiny rows.
  static let single = CacheShape(layers: 1, keyHeads: 1, queryHeads: 1, headDimension: 2)
  /// Two layers of two key heads, each read by two query heads.
  static let small = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 2)
}

/// An engine over random numbers whose policy never forgets anything.
func paintedEngine(
  _ shape: CacheShape = .single, pageRows: Int = 4, format: RowFormat = .f32,
  limitPages: Int = 1 << 20, rule: PositionRule = .original, seed: UInt64 = 5
) throws -> PlainEngine {
  let rowBytes = try format.rowBytes(headDimension: shape.headDimension)
  let pageBytes = (2 * pageRows * rowBytes + 63) / 64 * 64
  let engine = try PlainEngine(
    .random(shape: shape, seed: seed, rotaryBase: 100), policy: Painter(rule: rule),
    store: StoreConfiguration(
      pageRows: pageRows, format: format, limitBytes: limitPages * pageBytes))
  engine.remembers = false
  return engine
}

extension PlainEngine {
  /// Edits one lane.
  func edit(
    layer: Int = 0, head: Int = 0, _ body: (inout CachePlan, LaneID) -> Void
  ) throws(StoreError) {
    var plan = CachePlan()
    body(&plan, LaneID(layer: layer, head: head))
    try sequence.apply(plan)
  }

  /// Every row of every lane, ordered by row number.
  var rows: [[StoredRow]] {
    (0..<source.shape.layers).flatMap { layer in
      (0..<source.shape.keyHeads).map { sequence.storedRows(layer: layer, head: $0) }
    }
  }
}
