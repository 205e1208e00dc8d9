package import KVPolicyKit
internal import Foundation

/// Any policy, beside which a memory keeps every row that the policy forgets. Attention is then
/// that of the full cache.
package struct Remembering: ResidualPolicy {
  package static let name = "remembering"
  package static let summary = "another policy, and everything it forgets"
  package static let source = "a test"

  private var base: any KVCachePolicy
  package let residual: (any ResidualMemory)?

  /// Remembers what `base` forgets, or, without a memory, forgets it too.
  package init(_ base: any KVCachePolicy, memory: (any ResidualMemory)? = WholeMemory()) {
    (self.base, residual) = (base, memory)
  }

  package init(_ settings: inout Settings) throws(PolicyError) {
    throw settings.impossible("it has no settings")
  }

  package static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  package var signals: Set<Signal> { base.signals }
  package func columns(for shape: CacheShape) -> [Column] { base.columns(for: shape) }
  package var cadence: Cadence { base.cadence }
  package var positions: PositionRule { base.positions }
  package var phase: Phase { base.phase }
  package var scope: Scope { base.scope }
  package var probe: Probe? { base.probe }
  package var protection: Protection { base.protection }
  package var stateBytes: Int { base.stateBytes }
  package mutating func prefill(_ layer: borrowing LayerView) { base.prefill(layer) }
  package mutating func step(_ layer: borrowing LayerView) { base.step(layer) }
  package mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    base.evict(cache, plan: &plan)
  }
}

/// A memory of whole rows.
package struct WholeMemory: ResidualMemory {
  private struct Row: Sendable {
    let key: [Float]
    let value: [Float]
  }

  private var rows: [LaneID: [Row]] = [:]

  package init() {}

  /// Rows that were folded.
  package var count: Int { rows.values.reduce(0) { $0 + $1.count } }
  package var stateBytes: Int { 0 }
  package var scratchFloats: Int { 0 }

  package mutating func fold(key: Span<Float>, value: Span<Float>, of lane: LaneID) {
    let row = Row(
      key: key.indices.map { key[$0] }, value: value.indices.map { value[$0] })
    rows[lane, default: []].append(row)
  }

  package func recall(
    _ query: Span<Float>, head: Int, of lane: LaneID, scratch: inout MutableSpan<Float>,
    into mixed: inout MutableSpan<Float>
  ) -> ResidualPart {
    guard let rows = rows[lane] else { return ResidualPart() }
    let logits = rows.map { row in
      query.indices.reduce(0) { $0 + query[$1] * row.key[$1] } / Float(query.count).squareRoot()
    }
    let top = logits.max() ?? 0
    var total: Float = 0
    for element in query.indices { mixed[element] = 0 }
    for (row, logit) in zip(rows, logits) {
      let weight = exp(logit - top)
      total += weight
      for element in query.indices { mixed[element] += weight * row.value[element] }
    }
    return ResidualPart(top: top, total: total)
  }
}
