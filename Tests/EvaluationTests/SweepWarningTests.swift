import BundledModel
import KVPolicyKit
import KVPolicyTesting
import Policies
import ReferenceModel
import Testing

@testable import Evaluation

/// A policy that keeps the last rows, but for a mistake that a mean of right answers does not show.
private protocol PlantedPolicy: KVCachePolicy {
  init(rows: Int)
}

extension PlantedPolicy {
  static var summary: String { "makes a mistake" }
  static var source: String { "a test" }

  init(_ settings: inout Settings) throws(PolicyError) {
    self.init(rows: try settings.integer("rows", default: 8, atLeast: 1, "rows kept"))
  }

  static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    ["rows": JSONValue(try budget.rows)]
  }
}

/// Takes a budget and silently keeps everything.
private struct KeepsAll: PlantedPolicy {
  static let name = "keepsall"
  let rows: Int
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

/// Forgets the token that was just read, of every lane, in every step.
private struct DropsNewest: PlantedPolicy {
  static let name = "dropsnewest"
  let rows: Int

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    dropNewest(cache, &plan)
  }
}

/// Promises to keep the token that was just read, and forgets it.
private struct BreaksItsWord: PlantedPolicy {
  static let name = "breaksitsword"
  let rows: Int
  var protection: Protection { Protection(recent: 1) }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    dropNewest(cache, &plan)
  }
}

private func dropNewest(_ cache: borrowing CacheView, _ plan: inout CachePlan) {
  guard case .step = cache.moment else { return }
  for layer in cache.layers {
    for head in 0..<cache.shape.keyHeads {
      let lane = cache.lane(layer: layer, head: head)
      if let newest = lane.rowsByPosition().last { plan.drop(newest, of: lane.id) }
    }
  }
}

/// Keeps its rows, and a list of its own about all tokens, whose size it does not state.
private struct Hoards: PlantedPolicy {
  static let name = "hoards"
  let rows: Int
  private var list: [Float] = []

  init(rows: Int) { self.rows = rows }

  mutating func step(_ layer: borrowing LayerView) {
    list += Array(repeating: 0, count: 64)
  }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    for layer in cache.layers {
      for head in 0..<cache.shape.keyHeads {
        let lane = cache.lane(layer: layer, head: head)
        if lane.count > rows { plan.keep(lane.rowsByPosition().suffix(rows), of: lane.id) }
      }
    }
  }
}

@Suite("A policy's mistake is found by the sweep")
struct SweepWarningTests {
  private static let registry = PolicyRegistry.all.adding(KeepsAll.self).adding(DropsNewest.self)
    .adding(BreaksItsWord.self).adding(Hoards.self)

  /// The record of a policy by name.
  private func record(_ name: String, budget: String) throws -> SweepRecord {
    let plan = try SweepPlan(
      parsing: """
        {"models": ["bundled"], "policies": ["\(name)"], "budgets": [\(budget)],
        "tasks": ["questions"], "lengths": [128], "documents": 1}
        """
    ) { SweepText(file: $0) }
    let model = SweepModel(name: "bundled", source: "bundled", files: try BundledModel.open())
    let cells = try plan.cells([model], registry: Self.registry)
    var sweep = Sweep([model], registry: Self.registry, options: plan.options)
    sweep.jobs = 1
    var records: [SweepRecord] = []
    try sweep.run(cells.filter { $0.cell.policy.label == name }) { records.append($0) }
    return try #require(records.first)
  }

  @Test("an honest policy gets no warning", arguments: ["16", "400", #""64KiB""#, #""1/2""#])
  func honest(_ budget: String) throws {
    for name in ["streamingllm", "h2o", "snapkv", "morphkv", "tova", "quest"] {
      #expect(try record(name, budget: budget).warnings == [], "\(name)")
    }
  }

  @Test("it keeps everything: its budget is overspent", arguments: ["32", #""1/4""#, #""64KiB""#])
  func keepsAll(_ budget: String) throws {
    let record = try record(KeepsAll.name, budget: budget)
    #expect((record.sums.spent ?? 0) > 1.5)
    #expect(record.warnings.count == 1 && record.warnings[0].contains("of its budget"))
    let broken = checkPolicy(rowLimit: 8) { KeepsAll(rows: 8) }
    #expect(broken.map(\.rule) == [.rowLimit])
  }

  @Test("it forgets the newest row: rows are missing although the budget holds everything")
  func dropsNewest() throws {
    let record = try record(DropsNewest.name, budget: "400")
    let dropped = record.documents[0].cache.rowsDropped
    #expect(dropped == 8 * record.documents[0].decodeTokens)
    #expect(record.warnings.count == 1)
    #expect(record.warnings[0].contains("it forgets \(dropped) rows although its budget of 400"))
    let broken = checkPolicy { DropsNewest(rows: 8) }
    #expect(broken.map(\.rule).contains(.ampleBudget))
  }

  @Test("it forgets a row that it protects: the store's error ends the sweep and names the cell")
  func breaksItsWord() throws {
    #expect {
      try record(BreaksItsWord.name, budget: "400")
    } throws: { error in
      guard case SweepError.measurement(let cell, let reason) = error else { return false }
      return cell.hasPrefix("breaksitsword 400, questions") && reason.contains("own protection")
    }
    let broken = checkPolicy { BreaksItsWord(rows: 8) }
    #expect(broken.map(\.rule).contains(.validPlans))
  }

  @Test("its state is not counted: more is found in it than it states")
  func hoards() throws {
    let record = try record(Hoards.name, budget: "32")
    let document = record.documents[0]
    // Four layers, 64 numbers of 4 bytes in each step.
    #expect(document.uncountedBytes == document.decodeTokens * 4 * 64 * 4)
    #expect(document.cache.policyStateBytes == 0)
    #expect(record.warnings.count == 1 && record.warnings[0].contains("'stateBytes'"))
  }
}
