import KVPolicyKit
import ReferenceModel
import Reporting

/// Why a benchmark's report cannot be used.
public enum BenchmarkError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The text is not a complete report of a benchmark.
  case notAReport(reason: String)

  /// The message shown to a person.
  public var description: String {
    switch self {
    case .notAReport(let reason):
      "it is not a report of 'kvpolicy bench' (\(reason)); give a file written with its --json"
    }
  }
}

/// The benchmark as JSON, CSV and lines of JSON for programs.
extension BenchmarkReport {
  /// The report as JSON text, keys sorted; see ``BenchmarkReport`` for the schema.
  public func json() throws -> String { try ReportText.json(self) }

  /// Reads a report that ``json()`` wrote.
  ///
  /// - Throws: `BenchmarkError.notAReport` for any other text, and for times or speeds that no
  ///   benchmark can measure.
  public init(json text: String) throws(BenchmarkError) {
    do {
      self = try ReportText.decode(text)
    } catch let error as JSONError {
      throw .notAReport(reason: "it is not valid JSON: \(error)")
    } catch {
      throw .notAReport(reason: (error as? DecodingError)?.message ?? "\(error)")
    }
    let speeds =
      floor.teams.flatMap { [$0.readBandwidth, $0.cacheBandwidth, $0.operationRate] }
      + rows.flatMap { [$0.seconds, $0.tokensPerSecond] }
    guard !floor.teams.isEmpty, speeds.allSatisfy(\.isPlausible) else {
      throw .notAReport(reason: "its times and speeds are not all numbers above 0")
    }
  }

  /// The rows as comma-separated values (RFC 4180): a header, then a line per row, numbers in full.
  /// If only the machine was measured, a line per number of threads.
  public var csv: String {
    conditions == nil
      ? ReportText.csv(MachineFloor.Team.fields, floor.teams)
      : ReportText.csv(BenchmarkRow.fields, rows)
  }

  /// The rows as lines of JSON: the columns and rows of ``csv``.
  public var jsonLines: String {
    conditions == nil
      ? ReportText.jsonLines(MachineFloor.Team.fields, floor.teams)
      : ReportText.jsonLines(BenchmarkRow.fields, rows)
  }
}

extension Spread {
  /// Whether these values can be times or speeds.
  fileprivate var isPlausible: Bool {
    least > 0 && least <= median && median <= most && most.isFinite
  }
}

extension MachineFloor.Team {
  fileprivate static var fields: [ReportText.Field<MachineFloor.Team>] {
    [
      ("threads", { $0.threads }), ("readBandwidth", { $0.readBandwidth.median }),
      ("cacheBandwidth", { $0.cacheBandwidth.median }),
      ("operationRate", { $0.operationRate.median }),
    ]
  }
}

extension BenchmarkRow {
  fileprivate static var fields: [ReportText.Field<BenchmarkRow>] {
    [
      ("work", { $0.work.rawValue }), ("tokens", { $0.tokens }), ("label", { $0.label }),
      ("configuration", { $0.configuration.text }), ("seconds", { $0.seconds.median }),
      ("secondsLeast", { $0.seconds.least }), ("secondsMost", { $0.seconds.most }),
      ("tokensPerSecond", { $0.tokensPerSecond.median }),
      ("tokensPerSecondLeast", { $0.tokensPerSecond.least }),
      ("tokensPerSecondMost", { $0.tokensPerSecond.most }), ("bytes", { $0.bytes }),
      ("operations", { $0.operations }), ("floorSeconds", { $0.floorSeconds }),
      ("floorShare", { $0.floorShare }), ("prefillHookSeconds", { $0.hookSeconds.prefill }),
      ("stepHookSeconds", { $0.hookSeconds.step }), ("evictHookSeconds", { $0.hookSeconds.evict }),
      ("applySeconds", { $0.hookSeconds.apply }), ("hookShare", { $0.hookShare }),
      ("rowsPerLane", { $0.rowsPerLane }), ("residentBytes", { $0.residentBytes }),
      ("policyBytes", { $0.policyBytes }), ("sequences", { $0.sequences ?? 1 }),
      ("budget", { $0.budget }), ("takesBudget", { $0.takesBudget }),
      ("budgetBytes", { $0.budgetBytes }), ("grows", { $0.grows }),
      ("meanResidentBytes", { $0.meanResidentBytes }),
      ("peakResidentBytes", { $0.peakResidentBytes }), ("readRows", { $0.readRows }),
      ("readBytes", { $0.readBytes }),
    ]
  }
}
