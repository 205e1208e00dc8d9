import Foundation
import KVPolicyKit
import MiniTasks
import Testing

@testable import Evaluation
@testable import Reporting

@Suite("The page on the tasks")
struct TaskPageTests {
  /// The report that a page contains, as text.
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
    // HTML allows an `input` without an end tag, and attributes without values.
    let xml = body.replacing(/<input [^>]*>/, with: "").replacing(" hidden>", with: ">")
      .replacing(" selected>", with: ">")
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
    #expect(table.contains("all ± 95%"))
    let bold = table.split(separator: "\n").filter { $0.contains("<td><b>") }
    #expect(bold.compactMap { $0.firstMatch(of: /row">(.*?)</)?.1 } == ["a", "b", "a"])
    #expect(table.contains("<th scope=\"row\">c</th><td>–"), "nothing was checked")
  }

  @Test("a report without budgets, places or a story is a page without their parts")
  func bare() throws {
    var report = TaskReport.sample(labels: [])
    report.policies[0].places = []
    report.story = nil
    let html = TaskPage(report).html
    #expect(!html.contains("id=\"story\"") && !html.contains("places-heading"))
    #expect(!html.contains("addEventListener") && html.contains("URL.createObjectURL"))
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
    let lede = try #require(page.html.firstMatch(of: /<p class="conditions">(.*?)<\/p>/)?.1)
    #expect(lede.contains("of 1,536 tokens, drawn from seed 3, and wrote"))
    #expect(lede.contains("64 rows per lane and without a budget under &lt;mine&gt;. "))
  }

  @Test("the conditions say what was done in two sentences")
  func heading() throws {
    let html = TaskPage(.sample(labels: ["a", "b"], budgets: [32, 64])).html
    let lede = try #require(html.firstMatch(of: /<p class="conditions">(.*?)<\/p>/)?.1)
    #expect(lede.contains("4 layers with 4 key heads each, read 48 documents of 1,536 tokens"))
    #expect(lede.contains("under 2 policies with budgets of 64 and 32 rows per lane"))
    #expect(lede.matches(of: /\. |\.$/).count == 2)
  }

  @Test("a chart comes first, then what is asked, then the story, and the table at last")
  func order() {
    let headings = TaskPage(.sample()).html.matches(of: /<h2 id="(.*?)-heading">/).map { $0.1 }
    #expect(headings == ["memory", "task", "story", "places", "table"])
  }

  @Test("levels of headings are never left out, and landmarks have names of their own")
  func outline() {
    let html = TaskPage(.sample()).html
    let levels = html.matches(of: /<h([1-6])/).compactMap { Int($0.1) }
    #expect(levels.first == 1 && zip(levels, levels.dropFirst()).allSatisfy { $1 <= $0 + 1 })
    let names = html.matches(of: /<section[^>]*aria-labelledby="(.*?)"/).map { $0.1 }
    #expect(Set(names).count == names.count && !html.contains("role=\"region\""))
  }

  @Test("the story opens on a policy that forgets most, random choice aside")
  func opening() throws {
    func first(_ tellers: [(String, Int)]) -> Int {
      var story = TaskStory(document: 0, prompt: [], moments: [0], tellers: [])
      story.tellers = tellers.map { label, hits in
        .init(
          label: label, budget: nil, tally: TaskTally(hits: hits, checks: 9), answer: [],
          mistakes: [], kept: [""])
      }
      return TaskPage.firstTeller(of: story)
    }
    #expect(first([("full", 9), ("random", 0), ("h2o", 4), ("tova", 2), ("snapkv", 2)]) == 3)
    #expect(first([("full", 9), ("random", 1)]) == 1)
    #expect(first([("full", 9), ("h2o", 9)]) == 1)
    #expect(first([("full", 0)]) == 0)
    let html = TaskPage(.sample(labels: ["h2o", "tova", "random"])).html
    #expect(html.contains("<option value=\"2\" selected>tova, 128 rows per lane</option>"))
    #expect(html.matches(of: /" selected>/).count == 1)
  }

  @Test("the story says why it is of this document")
  func choice() throws {
    var report = TaskReport.sample()
    report.seed = 3
    var html = TaskPage(report).html
    #expect(html.contains("the first document of this length that full attention answers without"))
    #expect(html.contains("<code>kvpolicy document --tokens 11 --number 3 --seed 3</code>"))
    report.story?.tellers[0].tally.hits = 7
    html = TaskPage(report).html
    #expect(html.contains("none of the first 32 documents"))
    #expect(
      html.contains("number 3, of which it passes the largest share of checks: 7 of 9 checks"))
  }

  @Test("marks say their values with units, and the interval around them")
  func tooltips() {
    let page = TaskPage(.sample(labels: ["h2o"], budgets: [64]))
    let shares =
      /<title>h2o: \d+\.\d% of checks right \(\d+\.\d% to \d+\.\d%\), \d+ KiB resident</
    #expect(page.memorySection.contains(shares), "\(page.memorySection)")
    #expect(
      page.placesSection.contains(
        /<title>h2o: \d+\.\d% of checks right, 35 tokens into the response</))
  }

  @Test("intervals are drawn, written and explained where there is more than one document")
  func intervals() {
    var report = TaskReport.sample(labels: ["h2o"], budgets: [64])
    let page = TaskPage(report)
    #expect(page.memorySection.contains("class=\"bar hue0\""))
    #expect(page.memorySection.contains("Student's t"))
    #expect(page.tableSection.contains(/<td>\d+\.\d ±\d+\.\d</))
    for index in report.policies.indices { report.policies[index].documents.removeLast() }
    let single = TaskPage(report)
    #expect(!single.memorySection.contains("class=\"bar") && !single.tableSection.contains("±"))
    #expect(!single.memorySection.contains("Student's t"))
  }

  @Test("a small document shows every kind of check, and what each word depends on")
  func example() throws {
    let example = try #require(TaskExample.standard)
    let kinds: [TaskCheck.Kind] = [
      .once, .range, .periodic, .completion, .recall, .copy, .variables,
    ]
    #expect(example.rules.map(\.kind) == kinds)
    let lines = example.prompt.filter { $0.letter != nil }
    // A checked word occurs in the prompt line with the word's letter.
    for word in example.answer.joined() where word.letter != nil {
      let sources = lines.filter { $0.letter == word.letter }
      #expect(sources.contains { $0.words.contains(word.text) }, "\(word)")
    }
    let chain = try #require(example.rules.last)
    #expect(chain.line.split(separator: ",").count == 2, "a variable stands for another")
    #expect(example.prompt.contains { $0.letter == nil && $0.words.count > 3 }, "filler words")
    let html = TaskPage(.sample()).html
    for kind in kinds { #expect(html.contains("<dt>\(kind.rawValue) <code>")) }
    #expect(!html.contains("<dt>again"))
  }

  @Test("a report on dialogues says what their checks are")
  func again() {
    var report = TaskReport.sample()
    report.policies[0].kinds["again"] = TaskTally(hits: 1, checks: 2)
    report.kind = "dialogue"
    let html = TaskPage(report).html
    #expect(html.contains("<dt>again</dt>") && html.contains("read 48 dialogues of 1,536 tokens"))
    #expect(html.contains("are of another kind, <code>dialogue</code>"))
  }

  @Test("text contrasts with its ground by 4.5 to 1, in both schemes")
  func contrast() {
    for theme in [\ChartStyle.Tint.light, \.dark] {
      let paper = channels(ChartStyle.paper[keyPath: theme])
      let ink = channels(ChartStyle.ink[keyPath: theme])
      for text in [
        ink, channels(ChartStyle.quiet[keyPath: theme]), channels(ChartStyle.link[keyPath: theme]),
      ] {
        #expect(ratio(text, paper) >= 4.5)
      }
      // Tokens held by all lanes have the strongest background.
      let accent = channels(ChartStyle.hues[0][keyPath: theme])
      let ground = zip(accent, paper).map { 0.42 * $0 + 0.58 * $1 }
      #expect(PageStyle.tokens.contains(".held9{background:color-mix(in srgb,var(--accent) 42%"))
      #expect(ratio(ink, ground) >= 4.5)
    }
  }

  /// Red, green and blue, 0 to 1.
  private func channels(_ color: String) -> [Double] {
    let number = Int(color.dropFirst(), radix: 16) ?? 0
    return [16, 8, 0].map { Double(number >> $0 & 255) / 255 }
  }

  /// The contrast of two colours as WCAG defines it.
  private func ratio(_ one: [Double], _ other: [Double]) -> Double {
    let luminances = [one, other].map { color in
      let linear = color.map { $0 <= 0.04045 ? $0 / 12.92 : pow(($0 + 0.055) / 1.055, 2.4) }
      return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }.sorted()
    return (luminances[1] + 0.05) / (luminances[0] + 0.05)
  }

  @Test(
    "thousands are set apart",
    arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "−1,234,567")])
  func grouped(number: Int, text: String) {
    #expect(Markup.grouped(number) == text)
  }
}
