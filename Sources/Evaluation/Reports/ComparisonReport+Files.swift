import Foundation
import KVPolicyKit

/// The comparison for programs.
extension ComparisonReport {
  /// The result as JSON text, keys sorted; the schema is that of ``ComparisonReport``.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }

  /// Reads what ``json()`` wrote.
  public init(json text: String) throws {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    self = try decoder.decode(ComparisonReport.self, from: Data(text.utf8))
  }

  /// The measurements as comma-separated values (RFC 4180): a header with the names of
  /// ``PolicyMeasurement``'s properties, then a line per policy. Numbers are written in full.
  public var csv: String {
    let lines =
      [PolicyMeasurement.fields.map(\.name)]
      + policies.map { policy in
        PolicyMeasurement.fields.map { $0.text(policy) }
      }
    return lines.map { $0.map(quoted).joined(separator: ",") + "\n" }.joined()
  }

  /// A field as RFC 4180 wants it.
  private func quoted(_ field: String) -> String {
    guard field.contains(where: { "\",\n\r".contains($0) }) else { return field }
    return "\"" + field.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }
}

extension PolicyMeasurement {
  /// A column of the CSV file: its name and what stands in it.
  fileprivate typealias Field = (name: String, text: (PolicyMeasurement) -> String)

  fileprivate static var fields: [Field] {
    [
      ("label", { $0.label }), ("configuration", { $0.configuration.text }),
      ("rowsPerLaneLeast", { "\($0.rowsPerLaneLeast)" }),
      ("rowsPerLaneMost", { "\($0.rowsPerLaneMost)" }),
      ("rowsPerLaneMean", { "\($0.rowsPerLaneMean)" }),
      ("residentBytes", { "\($0.residentBytes)" }),
      ("peakResidentBytes", { "\($0.peakResidentBytes)" }),
      ("policyStateBytes", { "\($0.policyStateBytes)" }),
      ("saving", { "\($0.saving)" }), ("peakSaving", { "\($0.peakSaving)" }),
      ("footprint", { "\($0.footprint)" }), ("peakFootprint", { "\($0.peakFootprint)" }),
      ("perplexity", { "\($0.perplexity)" }), ("meanDivergence", { "\($0.meanDivergence)" }),
      ("topAgreement", { "\($0.topAgreement)" }), ("promptSeconds", { "\($0.promptSeconds)" }),
      ("decodeSeconds", { "\($0.decodeSeconds)" }),
      ("promptHookShare", { "\($0.promptHookShare)" }),
      ("decodeHookShare", { "\($0.decodeHookShare)" }),
      ("promptTokensPerSecond", { "\($0.promptTokensPerSecond)" }),
      ("decodeTokensPerSecond", { "\($0.decodeTokensPerSecond)" }),
    ]
  }
}
