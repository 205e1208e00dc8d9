import KVPolicyKit

/// Any score, budget, unit, protection and cadence, chosen by the configuration.
public struct Composed: ComposedPolicy {
  /// The name in configurations.
  public static let name = "composed"
  /// What the policy keeps.
  public static let summary = "any score with any budget, unit, protection and cadence"
  /// Where the method was published.
  public static let source = "this project; its parts name their own sources"

  /// The parts.
  public var composition: Composition

  /// Reads the parts and their settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    let parts = settings.parts
    composition = try settings.composition(isNamed: false) { settings throws(PolicyError) in
      try settings.part(
        "score", default: RecencyScore.name, parts.scores.map { $0.name }, "what rows are worth"
      ) { index, settings throws(PolicyError) -> any RowScore in
        try parts.scores[index].init(&settings)
      }
    }
  }

  /// An even budget of these rows.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    ["budget": ["rows": .integer(try budget.rows)]]
  }
}
