import Foundation
import KVPolicyKit
import Policies
import Testing

@testable import Evaluation
@testable import Reporting

@Suite("Reports on sweeps")
struct SweepReportTests {
  private func report(_ records: [MadeRecord]) throws -> SweepReport {
    try SweepReport(records.map { try $0.line() })
  }

  private func page(_ records: [MadeRecord]) throws -> String {
    SweepPage(try report(records), registry: .all).html
  }

  /// The fields of a CSV without quotes, as lines of values by name.
  private func table(_ csv: String) -> [[String: String]] {
    let lines = csv.split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(lines[0], $0)) }
  }

  @Test("the Pareto front has the points that no point beats", arguments: 0..<40)
  func front(_ seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let points = (0..<Int(random.next() % 30)).map { _ in
      // Few values, so that many are equal; some are not finite.
      (
        cost: Double(random.next() % 6),
        quality: [0, 1, 2, 3, .nan, .infinity][Int(random.next() % 6)]
      )
    }
    for better in [SweepCell.Better.more, .less] {
      let sign = better == .more ? 1.0 : -1
      let wanted = points.indices.filter { index in
        let one = points[index]
        return one.quality.isFinite
          && !points.contains { other in
            other.quality.isFinite && other.cost <= one.cost
              && sign * other.quality >= sign * one.quality
              && (other.cost < one.cost || sign * other.quality > sign * one.quality)
          }
      }
      #expect(ParetoFront.indices(of: points, better: better).sorted() == wanted)
    }
  }

  @Test("seeds count together, and documents are paired with those of full attention")
  func pooled() throws {
    let report = try report([
      .full([9, 10]), MadeRecord(sums: [5, 6]),
      MadeRecord(seed: 1, sums: [7, 8], place: 3),
      MadeRecord(
        policy: "full", budget: nil, seed: 1, sums: [10, 9], bytes: 16384, footprint: 1, place: 2),
    ])
    #expect(report.groups.count == 1 && report.policies.map(\.label) == ["full", "h2o"])
    let row = try #require(report.rows.last)
    #expect(row.seeds == 2 && row.documents == 4 && row.rowsHeld == 64)
    #expect(row.quality?.value == 0.65 && row.tokensPerSecond == 14)
    // The differences are 4, 4, 3 and 1 of 10: mean 0.3, standard deviation 0.141421.
    let difference = try #require(row.difference?.difference)
    #expect(abs(difference.value + 0.3) < 1e-12)
    #expect(abs(try #require(difference.margin) - 3.182 * 0.141_421_356 / 2) < 1e-6)
    #expect(row.isWithin == false && report.rows[0].difference == nil)
    #expect(report.notes.isEmpty)
  }

  @Test("differences to a policy are those at the same budget")
  func against() throws {
    let lines = try [
      MadeRecord.full([9, 10]), MadeRecord(policy: "h2o", budget: 64, sums: [5, 6]),
      MadeRecord(policy: "h2o", budget: 32, sums: [3, 3]),
      MadeRecord(policy: "morphkv", budget: 64, sums: [7, 6]),
      MadeRecord(policy: "morphkv", budget: 16, sums: [1, 1]),
    ].map { try $0.line() }
    let rows = try SweepReport(lines, against: "h2o").rows
    func difference(_ label: String, _ budget: String) -> Double? {
      rows.first { $0.label == label && $0.budget == budget }?.difference?.difference.value
    }
    #expect(abs(try #require(difference("morphkv", "64")) - 0.1) < 1e-12)
    // No record of the reference has this budget, or none.
    #expect(difference("morphkv", "16") == nil && difference("full", "") == nil)
    #expect(difference("h2o", "64") == nil && difference("h2o", "32") == nil)
    let toFull = try SweepReport(lines, against: "full").rows
    #expect(try SweepReport(lines).rows.map(\.difference) == toFull.map(\.difference))
    #expect(try SweepReport(lines, against: "h2o").text(.markdown).contains("| to h2o, points |"))
    #expect(throws: SweepError.self) { try SweepReport(lines, against: "nosuch") }
  }

  @Test("a figure's CSV has the numbers of the records, and its front")
  func figures() throws {
    let report = try report([
      .full(), MadeRecord(sums: [5, 6]),
      MadeRecord(budget: 32, sums: [5, 5], bytes: 8192, place: 2),
    ])
    let figure = try #require(report.figures.first)
    #expect(figure.name == "1-questions-128-mean-bytes" && isWellFormed(figure.svg))
    let lines = table(figure.csv)
    #expect(lines.map { $0["policy"] } == ["full", "h2o", "h2o"])
    #expect(lines.map { $0["budget"] } == ["", "64", "32"])
    #expect(lines.map { $0["mean-bytes"] } == ["16384.0", "4096.0", "8192.0"])
    #expect(lines.map { $0["quality"] } == ["0.95", "0.55", "0.5"])
    #expect(lines.map { $0["front"] } == ["1", "1", "0"])
    let range = try #require(report.rows[1].quality?.range)
    #expect(lines[1]["low"] == "\(range.lowerBound)" && lines[1]["high"] == "\(range.upperBound)")
    #expect(Set(report.figures.map(\.name)).count == report.figures.count)
  }

  @Test("scores by position: a figure for each budget, stretches of all documents together")
  func places() throws {
    func stretches(_ hits: Double) -> [SweepDocument.Stretch] {
      [
        .init(from: 0, to: 10, scores: ["all": .init(sum: hits, count: 4)]),
        .init(from: 10, to: 20, scores: [:]),
        .init(from: 20, to: 30, scores: ["all": .init(sum: 1, count: 2)]),
      ]
    }
    var (full, h2o) = (MadeRecord.full(), MadeRecord())
    (full.stretches, h2o.stretches) = (stretches(4), stretches(3))
    let figures = try report([full, h2o]).figures.filter { $0.name.contains("by-place") }
    #expect(figures.map(\.name) == ["1-questions-128-by-place-all-1"])
    let lines = table(figures[0].csv)
    #expect(lines.map { $0["policy"] } == ["full", "full", "h2o", "h2o"])
    #expect(lines.map { $0["position"] } == ["5.0", "25.0", "5.0", "25.0"])
    #expect(lines.map { $0["value"] } == ["1.0", "0.5", "0.75", "0.5"])
  }

  @Test("needles: a map for each policy, over the depths and lengths of the records")
  func depths() throws {
    let settings: JSONValue = ["depths": [0, 50.5]]
    let records = [128, 256].flatMap { length in
      [("full", nil, [10.0, 9]), ("h2o", 64, [2, 7])].map { policy, budget, sums in
        MadeRecord(
          policy: policy, budget: budget, task: "needle", settings: settings, length: length,
          sums: sums, place: length)
      }
    }
    let figures = try report(records).figures.filter { $0.name.hasPrefix("depth") }
    #expect(figures.map(\.name) == ["depth-1-1", "depth-1-2"])
    let lines = table(figures[1].csv)
    #expect(lines.map { $0["length"] } == ["128", "128", "256", "256"])
    #expect(lines.map { $0["depth"] } == ["0.0", "50.5", "0.0", "50.5"])
    #expect(lines.map { $0["value"] } == ["0.2", "0.7", "0.2", "0.7"])
    #expect(figures.allSatisfy { isWellFormed($0.svg) && $0.svg.contains("50.5%") })
    #expect(try page(records).contains("Needles by depth and length"))
    #expect(!(try page([.full(), MadeRecord()])).contains("Needles by depth"))
  }

  @Test("what records say is text, and nothing else")
  func untrusted() throws {
    let bad = "</script><b onload='x'>&\"\u{1b}\n|`"
    var (full, record) = (MadeRecord.full(), MadeRecord())
    (full.model, full.host, full.task) = (bad, bad, bad)
    (record.policy, record.model, record.host, record.task) = (bad, bad, bad + "2", bad)
    record.settings = ["text": .string(bad)]
    full.settings = record.settings
    let report = try report([full, record])
    let page = SweepPage(report, registry: .all).html
    #expect(!page.contains("<b onload") && !page.contains("\u{1b}"))
    #expect(page.components(separatedBy: "</script>").count == 3, "data and script")
    for figure in report.figures {
      #expect(isWellFormed(figure.svg))
      #expect(figure.name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") })
    }
    let numbers = try #require(page.firstMatch(of: /id="numbers">\n([^<]*)<\/script>/)).1
    #expect(
      try JSONValue.parse(String(numbers.split(separator: "\n")[1])).decoded(as: Label.self).policy
        == bad)
    let markdown = report.text(.markdown)
    #expect(markdown.contains("\\</script\\>\\<b") && !markdown.contains("\u{1b}"))
    #expect(report.text(.csv).split(separator: "\n").count == 3)
  }

  private struct Label: Decodable { var policy: String }

  @Test("no numbers trap", arguments: [0, 1, .max, -5])
  func odd(_ bytes: Int) throws {
    for value in [0.0, .nan, .infinity, -.infinity, 1e308] {
      for better in [SweepCell.Better.more, .less] {
        let records = [
          MadeRecord.full([value]),
          MadeRecord(sums: [value, -value], bytes: bytes, footprint: value),
          MadeRecord(budget: 3, sums: [], bytes: bytes),
        ].map { record in
          var record = record
          (record.better, record.score) = (better, better == .less ? "nats" : "all")
          return record
        }
        let report = try report(records)
        for format in TableFormat.allCases { #expect(!report.text(format).isEmpty) }
        #expect(report.figures.allSatisfy { isWellFormed($0.svg) })
        let page = SweepPage(report, registry: .all).html
        #expect(!page.contains(/(d|transform|data-v)="[^"]*(nan|inf)/))
      }
    }
  }

  @Test("a page with thousands of lines is bounded, and says so")
  func bounded() throws {
    let records = (0..<3).flatMap { length in
      (0..<900).map { MadeRecord(budget: $0, length: 100 + length, place: $0 + 1) }
    }
    let page = try page(records)
    #expect(page.contains("at most 2,000 lines of tables: it leaves\n1 task out"))
    #expect(page.components(separatedBy: "<tr data-policy").count == 1801)
  }

  @Test("missing cells and differing conditions are said")
  func missing() throws {
    let report = try report([
      .full(), MadeRecord(), MadeRecord(policy: "tova", host: "b", version: "2", place: 2),
      .full(task: "list"), MadeRecord(task: "list", place: 4),
    ])
    let notes = report.notes.joined(separator: "\n")
    #expect(notes.contains("a grid of 6 cells, and 1 of them have no record"))
    #expect(notes.contains("no record for list, 128 tokens, bundled: tova 64"))
    let differing = report.conditions.filter(\.differs).map(\.name)
    #expect(differing == ["budget counted in", "window in the budget", "version", "host"])
    #expect(report.conditions.prefix(8).allSatisfy { $0.member != nil })
    let alone = try self.report([MadeRecord()])
    #expect(alone.notes.contains { $0.contains("full attention, with which others are compared") })
    #expect(alone.rows[0].difference == nil)
  }

  @Test("repeated records count once, and fewer documents of a cell not at all")
  func repeated() throws {
    let report = try report([
      .full(), MadeRecord(), MadeRecord(host: "b"), MadeRecord(sums: [1], place: 9),
    ])
    #expect(report.records == 2 && report.rows[1].documents == 2)
    #expect(report.notes.first?.contains("1 record left out") == true)
    #expect(throws: SweepError.self) {
      try self.report([.full(), MadeRecord(), MadeRecord(sums: [5, 5])])
    }
    #expect(throws: SweepError.self) { try SweepReport([]) }
  }

  @Test(
    "equal records give equal bytes, in any order; rows have the numbers by which they are sorted")
  func page() throws {
    let records = [.full(), MadeRecord(), MadeRecord(policy: "tova", bytes: 2048, place: 2)]
    let page = try page(records)
    #expect(try self.page(records.reversed()) == page)
    #expect(
      page.contains(#"<td data-v="0.55">55.0"#) && page.contains(#"<td data-v="2048.0">2.0 KiB"#))
    #expect(page.contains(#"<tr data-policy="2"><th scope="row">tova</th>"#))
    #expect(page.contains(#"<input type="checkbox" value="2" checked>"#))
    let summary = try PolicyRegistry.all.type(named: "tova").summary
    #expect(page.contains(Markup.escaped(summary)))
    #expect(!page.contains(/(src|href)="http/))
  }

  @Test("the summary has bars, lines of JSON, and lines of CSV")
  func formats() throws {
    let report = try report([.full(), MadeRecord(sums: [9, 9])])
    let table = report.text(.table, blocks: true)
    #expect(table.contains("█████████") && !table.contains("#"))
    #expect(report.text(.table).contains("##########") && table.contains("≈"))
    let lines = report.text(.jsonl).split(separator: "\n")
    #expect(lines.count == 2 && lines[0].contains(#""difference":null,"#))
    let rows = self.table(report.text(.csv).replacing(#""{""policy"":""full""}""#, with: "full"))
    #expect(rows[0]["quality"] == "0.95" && rows[0]["difference"] == "")
    #expect(report.text(.markdown).contains("| full | – | 95.0 ± "))
    #expect(TextBar.text(.nan, width: 9, blocks: true).isEmpty)
    #expect(TextBar.text(0.25, width: 2, blocks: true) == "▌")
    #expect(TextBar.text(7, width: 2, blocks: true) == "██")
  }
}
