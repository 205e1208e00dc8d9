import Foundation
import KVPolicyKit
import Testing

@testable import Evaluation
@testable import Reporting

@Suite("The page on the tasks")
struct TaskPageTests {
  /// The report that a page carries, as text.
  private func json(in html: String) -> String? {
    html.firstMatch(of: /(?s)<script type="application\/json" id="report">(.*?)<\/script>/)
      .map { String($0.1) }
  }

  @Test("the data in the page is the report")
  func carriesReport() throws {
    var report = TaskReport.sample(labels: ["</script><b>&\"", "<!--<script>"])
    report.policies[1].decodeTokensPerSecond = .infinity
    let text = try #require(json(in: TaskPage(report).html))
    #expect(try ReportText.decode(text) == report)
  }

  @Test("words from outside never become markup")
  func escaping() throws {
    var report = TaskReport.sample(labels: ["<b>&\""], prompt: ["<i>", "\n"])
    report.model = "<u>model</u>"
    report.policies[1].configuration = ["policy": "</code><s>"]
    let html = TaskPage(report).html
    let data = try #require(json(in: html))
    #expect(!html.contains("<u>") && !html.contains("<s>") && !html.contains("<b>&\""))
    #expect(!data.contains("<"))
    #expect(html.contains("<th scope=\"row\">&lt;b&gt;&amp;&quot;</th>"))
    #expect(html.contains("&lt;u&gt;model&lt;/u&gt;"))
  }

  @Test("every element of the body is closed, and every chart well-formed")
  func wellFormed() throws {
    let html = TaskPage(.sample()).html
    let body = try #require(html.firstMatch(of: /(?s)<main>.*<\/main>/)?.0)
    // HTML allows an `input` without an end, and attributes without values.
    let xml = body.replacing(/<input [^>]*>/, with: "").replacing(" hidden>", with: ">")
    #expect(isWellFormed(String(xml)))
    let charts = html.matches(of: /(?s)<svg .*?<\/svg>/)
    #expect(charts.count > 5)
    #expect(charts.allSatisfy { isWellFormed(String($0.0)) })
  }

  @Test("the page needs nothing from elsewhere, and is the same twice")
  func alone() {
    let html = TaskPage(.sample()).html
    let rest = html.replacing("xmlns=\"http://www.w3.org/2000/svg\"", with: "")
    #expect(!rest.contains("http") && !rest.contains("src=") && !rest.contains("@import"))
    #expect(!rest.contains("url("))
    #expect(html == TaskPage(.sample()).html)
  }

  @Test("the most right answers of each budget are set in bold, ties too, full attention never")
  func best() {
    var report = TaskReport.sample(labels: ["a", "b", "c"], budgets: [64, 32])
    report.policies[2].kinds = report.policies[1].kinds
    report.policies[3].kinds = [:]
    let table = TaskPage(report).tableSection
    let bold = table.split(separator: "\n").filter { $0.contains("<td><b>") }
    #expect(bold.compactMap { $0.firstMatch(of: /row">(.*?)</)?.1 } == ["a", "b", "a"])
    #expect(table.contains("<th scope=\"row\">c</th><td>–</td>"), "nothing was checked")
  }

  @Test("a report without budgets, places or a story is a page without their parts")
  func bare() throws {
    var report = TaskReport.sample(labels: [])
    report.policies[0].places = []
    report.story = nil
    let html = TaskPage(report).html
    #expect(!html.contains("id=\"story\"") && !html.contains("places-heading"))
    #expect(!html.contains("addEventListener"))
    report.policies = []
    #expect(TaskPage(report).html.contains("no points"))
    #expect(try ReportText.decode(#require(json(in: TaskPage(report).html))) == report)
  }

  @Test("what has no budget stands apart from full attention and from those that have one")
  func unbudgeted() throws {
    var report = TaskReport.sample(labels: ["a", "b"], budgets: [64])
    report.policies[2].budget = nil
    report.policies[2].label = "<mine>"
    report.seed = 3
    let page = TaskPage(report)
    let groups = page.tableSection.split(separator: "<tbody>").dropFirst()
    #expect(
      groups.map { $0.firstMatch(of: /<span>(.*?)<\/span>/)?.1 } == [
        "all rows", "a budget of 64 rows per lane", "no budget: sizes of their own",
      ])
    #expect(groups.last?.contains("&lt;mine&gt;") == true && !page.tableSection.contains("<b>"))
    let figures = page.placesSection.matches(of: /<figcaption>(.*?)<\/figcaption>/).map { $0.1 }
    #expect(figures == ["a budget of 64 rows per lane", "no budget: sizes of their own"])
    let lede = try #require(page.html.firstMatch(of: /<p class="lede">(.*?)<\/p>/)?.1)
    #expect(lede.contains("of 1,536 tokens, drawn from seed 3, and wrote"))
    #expect(lede.contains("64 rows per lane and without a budget under &lt;mine&gt;. "))
  }

  @Test("the heading says what was done in two sentences")
  func heading() throws {
    let html = TaskPage(.sample(labels: ["a", "b"], budgets: [32, 64])).html
    let lede = try #require(html.firstMatch(of: /<p class="lede">(.*?)<\/p>/)?.1)
    #expect(lede.contains("4 layers with 4 key heads each, read 48 documents of 1,536 tokens"))
    #expect(lede.contains("under 2 policies with budgets of 64 and 32 rows per lane"))
    #expect(lede.matches(of: /\. |\.$/).count == 2)
  }

  @Test(
    "thousands are set apart",
    arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "−1,234,567")])
  func grouped(number: Int, text: String) {
    #expect(Markup.grouped(number) == text)
  }
}
