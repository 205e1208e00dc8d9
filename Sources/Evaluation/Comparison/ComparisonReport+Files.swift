import KVPolicyKit
import Reporting

/// The comparison as JSON, CSV and lines of JSON for programs.
extension ComparisonReport {
  /// The result as JSON text, keys sorted; see ``ComparisonReport`` for the schema.
  public func json() throws -> String { try ReportText.json(self) }

  /// Reads a report that ``json()`` wrote.
  ///
  /// - Throws: `JSONError` for text that is not JSON, `DecodingError` for any other JSON.
  public init(json text: String) throws { self = try ReportText.decode(text) }

  /// The measurements as comma-separated values (RFC 4180): a header with the names of
  /// ``PolicyMeasurement``'s properties, then a line per policy. Numbers are written in full.
  public var csv: String { ReportText.csv(PolicyMeasurement.fields, policies) }

  /// The measurements as lines of JSON: the columns of ``csv``, and a line per policy.
  public var jsonLines: String { ReportText.jsonLines(PolicyMeasurement.fields, policies) }
}

extension PolicyMeasurement {
  fileprivate static var fields: [ReportText.Field<PolicyMeasurement>] {
    [
      ("label", { $0.label }), ("configuration", { $0.configuration.text }),
      ("rowsPerLaneLeast", { $0.rowsPerLaneLeast }), ("rowsPerLaneMost", { $0.rowsPerLaneMost }),
      ("rowsPerLaneMean", { $0.rowsPerLaneMean }), ("residentBytes", { $0.residentBytes }),
      ("peakResidentBytes", { $0.peakResidentBytes }),
      ("policyStateBytes", { $0.policyStateBytes }), ("saving", { $0.saving }),
      ("peakSaving", { $0.peakSaving }), ("footprint", { $0.footprint }),
      ("peakFootprint", { $0.peakFootprint }), ("perplexity", { $0.perplexity }),
      ("meanDivergence", { $0.meanDivergence }), ("topAgreement", { $0.topAgreement }),
      ("promptSeconds", { $0.promptSeconds }), ("decodeSeconds", { $0.decodeSeconds }),
      ("promptHookShare", { $0.promptHookShare }), ("decodeHookShare", { $0.decodeHookShare }),
      ("promptTokensPerSecond", { $0.promptTokensPerSecond }),
      ("decodeTokensPerSecond", { $0.decodeTokensPerSecond }), ("budget", { $0.budget }),
      ("takesBudget", { $0.takesBudget }), ("budgetBytes", { $0.budgetBytes }),
      ("grows", { $0.grows }), ("meanResidentBytes", { $0.meanResidentBytes }),
      ("readRows", { $0.readRows }), ("readBytes", { $0.readBytes }),
    ]
  }
}
