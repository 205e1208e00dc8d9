import Foundation
import KVPolicyKit

/// Keeps the first and the latest tokens, more of them in heads that change their input more.
///
/// Gulhan et al., "BaKlaVa: Budgeted Allocation of KV cache for Long-context Inference", 2025. No
/// code exists and the paper's formula could not be had: the formula here is ours.
public struct BaKlaVa: KVCachePolicy {
  /// The name in configurations.
  public static let name = "baklava"
  /// What the policy keeps.
  public static let summary = "keeps the first and the latest tokens, more in heads that do more"
  /// Where the method was published.
  public static let source = "after Gulhan et al., 2025 (arXiv 2502.13176); the formula is ours"

  let sinks: Int
  /// By layer and key head, rows that a lane keeps.
  let budgets: [[Int]]

  private enum Measure: String, CaseIterable { case cosineValueOutput }

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    let profile = try settings.artifact(
      "profile", kind: LaneMeasures.kind, "rows of each layer and key head, or what decides them"
    ) { artifact, shape throws(ArtifactError) in try LaneMeasures(artifact, shape) }
    sinks = try settings.integer("sinks", default: 4, atLeast: 0, "first tokens, which stay")
    let rule = try settings.group("measure", "how rows follow from what was measured") {
      settings throws(PolicyError) in
      _ = try settings.choice(
        "kind", default: Measure.cosineValueOutput, "what was measured of each head")
      return LaneMeasures.Rule(
        capacity: try settings.integer("capacity", default: 1024, atLeast: 1, "mean rows per lane"),
        floor: try settings.integer("floor", default: 256, atLeast: 1, "rows of every lane"),
        layerExponent: try settings.number(
          "layerExponent", default: 0, in: 0...16, "how much a layer's measure counts"))
    }
    guard rule.floor > sinks, rule.capacity >= rule.floor else {
      throw settings.impossible(
        "measure.floor (\(rule.floor)) must exceed sinks (\(sinks)), and measure.capacity "
          + "(\(rule.capacity)) cannot be less than the floor")
    }
    do throws(ArtifactError) {
      budgets = try profile?.budgets(rule) ?? []
    } catch {
      throw .artifact(setting: "profile", policy: BaKlaVa.name, reason: "\(error)")
    }
  }

  /// A quarter of the budget for every lane, and at most four of these rows for the first tokens.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = try budget.rows(atLeast: 4, for: name)
    let floor = max(1, rows / 4)
    return [
      "sinks": .integer(min(4, floor - 1)),
      "measure": ["capacity": .integer(rows), "floor": .integer(floor)],
    ]
  }

  /// After the prompt and after every step.
  public var cadence: Cadence { Cadence(prompt: .atEnd, every: 1, looks: .whenAsked) }
  /// What the lane with the fewest rows keeps.
  public var protection: Protection {
    let least = budgets.joined().min() ?? sinks
    return Protection(sinks: sinks, recent: least - sinks)
  }

  /// Drops from each lane what exceeds its budget.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    cache.forEachLane { lane in
      let rows = budgets[lane.id.layer][lane.id.head]
      plan.keepProtected(Protection(sinks: sinks, recent: rows - sinks), of: lane)
    }
  }
}

/// What a calibration run measured of each key head and layer, or the rows that follow from it.
struct LaneMeasures: Sendable {
  /// The kind of artifact that holds the measures.
  static let kind = "lane-measures"

  /// How rows follow from the measures.
  struct Rule {
    let capacity: Int
    let floor: Int
    let layerExponent: Double
  }

  private enum Content {
    /// By lane, then by layer.
    case measures(heads: [Float], layers: [Float])
    case rows([Float])
  }

  private let content: Content
  private let keyHeads: Int

  /// Reads the tensors `heads` and `layers`, or a table of rows.
  init(_ artifact: Artifact, _ shape: CacheShape) throws(ArtifactError) {
    keyHeads = shape.keyHeads
    let table = [shape.layers, shape.keyHeads]
    if artifact.tensors[Artifact.table] != nil {
      content = .rows(try artifact.tensor(Artifact.table, shape: table).values)
    } else {
      content = .measures(
        heads: try artifact.tensor("heads", shape: table).values,
        layers: try artifact.tensor("layers", shape: [shape.layers]).values)
    }
  }

  /// Rows of each lane, by layer and key head.
  ///
  /// - Throws: `ArtifactError` for a table of rows that the rule cannot have made, and for measures
  ///   below 0.
  func budgets(_ rule: Rule) throws(ArtifactError) -> [[Int]] {
    let rows: [Int]
    switch content {
    case .rows(let table): rows = try LaneMeasures.rows(table, rule)
    case .measures(let heads, let layers):
      guard (heads + layers).allSatisfy({ $0 >= 0 }) else {
        throw ArtifactError("it has measures below 0, and a measure is at least 0")
      }
      rows = LaneMeasures.shares(
        heads.indices.map { index in
          Double(heads[index]) * pow(Double(layers[index / keyHeads]), rule.layerExponent)
        }, rule)
    }
    return stride(from: 0, to: rows.count, by: keyHeads).map { Array(rows[$0..<$0 + keyHeads]) }
  }

  /// The rows of a table, whose mean and least must be those of the rule.
  private static func rows(_ table: [Float], _ rule: Rule) throws(ArtifactError) -> [Int] {
    let rows = try table.map { number throws(ArtifactError) in
      guard let rows = Int(exactly: number), rows >= rule.floor, rows <= 1 << 30 else {
        throw ArtifactError(
          "it gives a lane \(number) rows; a lane has at least measure.floor, \(rule.floor)")
      }
      return rows
    }
    let sum = rows.reduce(0, +)
    guard sum == rule.capacity * rows.count else {
      throw ArtifactError(
        "its lanes have \(sum) rows; with the mean measure.capacity, \(rule.capacity), "
          + "they have \(rule.capacity * rows.count)")
    }
    return rows
  }

  /// The floor, and a share by weight of all rows above the floors. Rows that rounding leaves go to
  /// the largest remainders, of equal remainders to the lower lane.
  static func shares(_ weights: [Double], _ rule: Rule) -> [Int] {
    let total = weights.reduce(0, +)
    let free = (rule.capacity - rule.floor) * weights.count
    // Where nothing was measured, all lanes weigh the same.
    let exact = weights.map {
      Double(free) * (total > 0 ? $0 / total : 1 / Double(weights.count))
    }
    var rows = exact.map { rule.floor + Int($0) }
    let left = free - (rows.reduce(0, +) - rule.floor * weights.count)
    let order = exact.indices.sorted {
      let remainders = (exact[$0] - exact[$0].rounded(.down), exact[$1] - exact[$1].rounded(.down))
      return remainders.0 == remainders.1 ? $0 < $1 : remainders.0 > remainders.1
    }
    for index in order.prefix(max(0, left)) { rows[index] += 1 }
    return rows
  }
}
