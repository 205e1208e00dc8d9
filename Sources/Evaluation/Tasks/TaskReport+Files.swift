import KVPolicyKit
import MiniTasks
import Reporting

/// The report as JSON, CSV and lines of JSON for programs.
extension TaskReport {
  /// The report as JSON text, keys sorted; see ``TaskReport`` for the schema.
  public func json() throws -> String { try ReportText.json(self) }

  /// Reads a report that ``json()`` wrote.
  ///
  /// - Throws: `JSONError` for text that is not JSON, `DecodingError` for any other JSON.
  public init(json text: String) throws { self = try ReportText.decode(text) }

  /// The measurements as comma-separated values (RFC 4180): a header, then a line per policy and
  /// budget.
  ///
  /// The columns are the properties of ``TaskMeasurement``, except its places and documents. A kind
  /// of check has two columns, such as `onceHits` and `onceChecks`. An absent value is an empty
  /// field.
  public var csv: String { ReportText.csv(TaskMeasurement.fields, policies) }

  /// The measurements as lines of JSON: the columns of ``csv``, and a line per policy and budget.
  public var jsonLines: String { ReportText.jsonLines(TaskMeasurement.fields, policies) }
}

extension TaskMeasurement {
  fileprivate static var fields: [ReportText.Field<TaskMeasurement>] {
    let tallies = TaskCheck.Kind.allCases.flatMap { kind -> [ReportText.Field<TaskMeasurement>] in
      let name = kind.rawValue
      return [
        (name + "Hits", { $0.kinds[name]?.hits ?? 0 }),
        (name + "Checks", { $0.kinds[name]?.checks ?? 0 }),
      ]
    }
    return [
      ("label", { $0.label }), ("configuration", { $0.configuration.text }),
      ("budget", { $0.budget }),
    ] + tallies + [
      ("rowsPerLaneMean", { $0.rowsPerLaneMean }), ("residentBytes", { $0.residentBytes }),
      ("peakResidentBytes", { $0.peakResidentBytes }),
      ("policyStateBytes", { $0.policyStateBytes }), ("footprint", { $0.footprint }),
      ("writtenTokens", { $0.writtenTokens }),
      ("promptTokensPerSecond", { $0.promptTokensPerSecond }),
      ("decodeTokensPerSecond", { $0.decodeTokensPerSecond }), ("takesBudget", { $0.takesBudget }),
      ("budgetBytes", { $0.budgetBytes }), ("grows", { $0.grows }),
      ("meanResidentBytes", { $0.meanResidentBytes }), ("readRows", { $0.readRows }),
      ("readBytes", { $0.readBytes }),
    ]
  }
}
