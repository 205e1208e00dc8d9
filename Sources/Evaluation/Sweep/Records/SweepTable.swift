import KVPolicyKit
import ReferenceModel
import Reporting

/// Records as a flat table.
public enum SweepTable {
  /// Comma-separated values (RFC 4180): a header, then a line for every document of every record.
  ///
  /// A line per document, because intervals need the documents, and because a mean is one call in
  /// pandas or R. Every score has two columns, such as `allSum` and `allCount`; a score that a task
  /// does not have is an empty field.
  public static func csv(_ records: [SweepRecord]) -> String {
    let names = Set(records.flatMap { $0.sums.scores.keys }).sorted()
    let lines = records.flatMap { record in
      record.documents.indices.map { Line(record: record, index: $0) }
    }
    return ReportText.csv(Line.cellFields + scoreFields(names) + Line.cacheFields, lines)
  }

  private static func scoreFields(_ names: [String]) -> [ReportText.Field<Line>] {
    names.flatMap { name -> [ReportText.Field<Line>] in
      [
        (name + "Sum", { $0.document.scores[name]?.sum }),
        (name + "Count", { $0.document.scores[name]?.count }),
      ]
    }
  }

  /// A document of a record.
  private struct Line {
    let record: SweepRecord
    let index: Int
    var document: SweepDocument { record.documents[index] }
    var cell: SweepCell { record.cell }
    /// The seconds of the document, if the record has them.
    var times: SweepTimes.Document? {
      record.times.documents.indices.contains(index) ? record.times.documents[index] : nil
    }

    static var cellFields: [ReportText.Field<Line>] {
      [
        ("id", { $0.record.id }), ("model", { $0.cell.model.name }),
        ("task", { $0.cell.task.name }), ("length", { $0.cell.length }), ("seed", { $0.cell.seed }),
        ("policy", { $0.cell.policy.label }),
        ("configuration", { $0.cell.policy.configuration.text }),
        ("budget", { $0.cell.budget.asked ?? "" }),
        ("budgetKind", { $0.cell.budget.kind.rawValue }), ("budgetRows", { $0.cell.budget.rows }),
        ("budgetBytes", { $0.cell.budget.bytes }), ("document", { $0.document.number }),
        ("depth", { $0.document.depth }), ("score", { $0.cell.task.score }),
      ]
    }

    static var cacheFields: [ReportText.Field<Line>] {
      [
        ("promptTokens", { $0.document.promptTokens }),
        ("decodeTokens", { $0.document.decodeTokens }),
        (
          "rowsPerLane",
          { line in
            let lanes = Double(line.cell.model.layers) * Double(line.cell.model.keyHeads)
            return Double(line.document.cache.rowsLive) / lanes
          }
        ),
        ("residentBytes", { $0.document.cache.residentBytes }),
        ("meanResidentBytes", { $0.document.cache.meanResidentBytes }),
        ("peakResidentBytes", { $0.document.cache.peakResidentBytes }),
        ("policyStateBytes", { $0.document.cache.policyStateBytes }),
        ("footprint", { $0.document.cache.footprint }),
        ("peakFootprint", { $0.document.cache.peakFootprint }),
        ("readRows", { $0.document.cache.meanReadRows }),
        ("readBytes", { $0.document.cache.meanReadBytes }),
        ("firstTokenSeconds", { $0.times?.firstTokenSeconds }),
        ("promptSeconds", { $0.times?.promptSeconds }),
        ("decodeSeconds", { $0.times?.decodeSeconds }), ("hookSeconds", { $0.times?.hooks.total }),
      ]
    }
  }
}
