import BundledModel
import Evaluation
import KVPolicyKit
import Policies
import Testing

/// The right answers of each policy with the bundled model. A change of a policy, the store, the
/// engine or the model that moves one of these shares must update this table.
@Suite("What policies get right")
struct PolicyQualityTests {
  /// Shares of right answers, in percent, on ten documents of 1024 tokens, with budgets of a
  /// quarter and an eighth of 1024 rows. Processors round differently, so a few answers may differ.
  static let expected: [(label: String, quarter: Double, eighth: Double)] = [
    ("random", quarter: 0.1, eighth: 0.0),
    ("streamingllm", quarter: 18.2, eighth: 8.5),
    ("h2o", quarter: 27.4, eighth: 15.7),
    ("tova", quarter: 8.6, eighth: 2.4),
    ("snapkv", quarter: 50.0, eighth: 26.1),
    ("morphkv", quarter: 52.6, eighth: 26.1),
  ]
  /// Percentage points by which a share may differ.
  static let tolerance = 4.0

  @Test("is what it was, at two budgets")
  func shares() throws {
    var comparison = try TaskComparison(BundledModel.open(), registry: .all)
    (comparison.documents, comparison.documentTokens) = (10, 1024)
    let entries = try [256, 128].flatMap { budget in
      try Self.policies.map { label, type, settings in
        PolicyEntry(
          PolicyConfiguration(
            type.name, (try type.settings(budget: .rows(budget)) ?? [:]).merging(settings) { $1 }),
          label: label, budget: budget)
      }
    }
    let report = try comparison.run(entries)
    #expect(Self.expected.count == Self.policies.count)
    #expect(report.policies[0].all.share >= 0.98, "full attention reads the language")
    for (label, quarter, eighth) in Self.expected {
      for (budget, percent) in [(256, quarter), (128, eighth)] {
        let measured = report.policies.first { $0.label == label && $0.budget == budget }
        let share = try #require(measured).all.share * 100
        #expect(abs(share - percent) <= Self.tolerance, "\(label) \(budget): \(share)%")
      }
    }
  }

  private static let policies:
    [(label: String, type: any KVCachePolicy.Type, settings: [String: JSONValue])] = [
      ("random", RandomEviction.self, [:]), ("streamingllm", StreamingLLM.self, [:]),
      ("h2o", H2O.self, [:]), ("tova", TOVA.self, [:]), ("snapkv", SnapKV.self, [:]),
      ("morphkv", MorphKV.self, [:]),
    ]
}
