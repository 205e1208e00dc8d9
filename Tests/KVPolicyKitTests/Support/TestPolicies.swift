import KVPolicyKit

/// Keeps everything and writes predictable numbers into its columns.
struct Painter: KVCachePolicy {
  static let name = "painter"
  static let summary = "paints its columns"
  static let source = "a test"

  var rule = PositionRule.original
  private var moments = 0

  init(rule: PositionRule = .original) { self.rule = rule }
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var positions: PositionRule { rule }
  var cadence: Cadence { .never }
  func columns(for shape: CacheShape) -> [Column] {
    [.scalar("age", initial: 1), .ring("marks", width: 3, initial: -1)]
  }
  mutating func prefill(_ layer: borrowing LayerView) { paint(layer) }
  mutating func step(_ layer: borrowing LayerView) { paint(layer) }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}

  private func paint(_ layer: borrowing LayerView) {
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      let positions = lane.positions
      var age = lane.mutableColumn(0)
      var mark = lane.mutableColumn(1, entry: layer.length.tokens % 3)
      for row in 0..<positions.count {
        age[row] += 1
        mark[row] = Painter.mark(layer.layer, head, Int(positions[row]), layer.length.tokens)
      }
    }
  }

  /// The number written for a row after `tokens` tokens were read.
  static func mark(_ layer: Int, _ head: Int, _ position: Int, _ tokens: Int) -> Float {
    Float(layer * 1000 + head * 100 + position * 7 + tokens % 11)
  }
}

/// Runs a closure as its hook.
struct Scripted: KVCachePolicy {
  typealias Script = @Sendable (borrowing CacheView, inout CachePlan) -> Void

  static let name = "scripted"
  static let summary = "does what a test says"
  static let source = "a test"

  var cadence = Cadence(prompt: .atEnd, every: 1)
  var positions = PositionRule.original
  var phase = Phase.afterOutput
  var scope = Scope.layer
  var signals: Set<Signal> = []
  let script: Script

  init(_ script: @escaping Script) { self.script = script }
  init(_ settings: inout Settings) throws(PolicyError) { script = { _, _ in } }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) { script(cache, &plan) }
}
