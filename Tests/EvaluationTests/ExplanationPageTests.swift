import KVPolicyKit
import Testing

@testable import Evaluation
@testable import Reporting

@Suite("The page of an explanation")
struct ExplanationPageTests {
  /// Two layers of one key head and two query heads; three tokens of a prompt and two steps.
  private func sample(labels: [String] = ["a", "b"], words: [String]? = nil) -> Explanation {
    func changes(_ states: [[Bool]]) -> TokenChanges {
      var changes = TokenChanges()
      for (step, state) in states.enumerated() { changes.record(state, at: step) }
      return changes
    }
    let one = changes([
      [false, true, false], [false, true, true, false], [false, true, true, false, false],
    ])
    let none = changes([
      [false, false, false], [false, false, false, false], [false, false, false, false, false],
    ])
    let back = changes([
      [false, false, false], [true, true, false, false], [false, true, false, false, false],
    ])
    return Explanation(
      model: "<u>model", text: "<i>text", layers: 2, keyHeads: 1, queryHeads: 2, promptLength: 3,
      tokens: words ?? ["The ", "cat\n", "", "sat", " on"],
      runs: labels.enumerated().map { index, label in
        .init(
          label: label, configuration: PolicyConfiguration("full"), forgetsInPrompt: index > 0,
          forgotten: [one, none], unread: index > 0 ? [back, back, none, none] : [],
          lost: [[0.25, 0.5], [0, 0]], missed: [0.1, 0.2, 0.075, 0, 0],
          wouldWrite: [nil, " <b>"],
          notes: index > 0
            ? .init(name: "votes", numbers: [[0.12345, nil, 3, 0, 0], [1, 2, 3, 4, .infinity]])
            : nil,
          picture: "layer 0 head 0 |#| 1/1")
      })
  }

  private func data(_ html: String) throws -> String {
    let found = html.firstMatch(
      of: /(?s)<script type="application\/json" id="explanation">(.*?)<\/script>/)
    return String(try #require(found?.1))
  }

  @Test("the data are the changes, and shares in ten-thousandths")
  func carriesData() throws {
    let page = ExplanationPage(sample())
    let drawing: ExplanationPage.Drawing = try ReportText.decode(data(page.html))
    #expect(drawing == .init(sample()))
    #expect(drawing.keyHeads == 1 && drawing.promptLength == 3)
    #expect(drawing.tokens == ["The ", "cat\n", "", "sat", " on"])
    #expect(
      drawing.runs.map(\.forgotten) == [[[0, 1, 1, 1, 2, 2], []], [[0, 1, 1, 1, 2, 2], []]])
    #expect(drawing.runs[0].unread == nil)
    // The query heads of a lane agree, so there is a list for each lane.
    #expect(drawing.runs[1].unread == [[1, 0, 1, -2, 0, 0], []])
    #expect(drawing.runs[0].lost == [[1250, 2500], [2500, 5000], [0, 0]])
    #expect(drawing.runs[0].missed == [2667, 5333, 2000, 0, 0])
    #expect(drawing.runs[0].wouldWrite == [nil, " <b>"])
    #expect(drawing.runs.map(\.note) == [nil, "votes"] && drawing.runs[0].notes.isEmpty)
    #expect(drawing.runs[1].notes[0] == ["0.1235", nil, "3.0000", "0", "0"])
    #expect(drawing.runs.map(\.forgetsInPrompt) == [false, true])
  }

  @Test("query heads that see different rows keep lists of their own")
  func heads() {
    var explanation = sample()
    explanation.runs[1].unread.swapAt(1, 2)
    let drawing = ExplanationPage.Drawing(explanation)
    #expect(drawing.runs[1].unread == [[1, 0, 1, -2, 0, 0], [], [1, 0, 1, -2, 0, 0], []])
  }

  @Test("words from outside never become markup")
  func escaping() throws {
    let words = ["</script><s>", "<!--", "&lt;", "\\u{202e}", "'\""]
    let html = ExplanationPage(sample(labels: ["<s>", "</title>"], words: words)).html
    #expect(!html.contains("<u>") && !html.contains("<s>") && !html.contains("<i>text"))
    #expect(
      html.contains("<title>What &lt;s&gt; and &lt;/title&gt; forget, token by token</title>"))
    let data = try data(html)
    #expect(!data.contains("<"))
    #expect(html.matches(of: /<script/).count == 2)
    #expect(html.contains("<h2 id=\"name0\">&lt;s&gt;</h2>"))
    let drawing: ExplanationPage.Drawing = try ReportText.decode(data)
    #expect(drawing.tokens == words)
  }

  @Test("every element of the body is closed, for one policy and for two", arguments: [1, 2])
  func wellFormed(_ count: Int) throws {
    let html = ExplanationPage(sample(labels: Array(["a", "b"].prefix(count)))).html
    let body = try #require(html.firstMatch(of: /(?s)<main>.*<\/main>/)?.0)
    let xml = body.replacing(/<input [^>]*>/, with: "").replacing(" hidden>", with: ">")
      .replacing(" selected>", with: ">")
    #expect(isWellFormed(String(xml)))
    #expect(html.matches(of: /<h2\s/).count == count)
  }

  @Test("the page needs nothing from elsewhere, has a chart without scripts, and is the same twice")
  func alone() {
    let html = ExplanationPage(sample()).html
    let rest = html.replacing("xmlns=\"http://www.w3.org/2000/svg\"", with: "")
    #expect(!rest.contains("http") && !rest.contains("src=") && !rest.contains("url("))
    let noscript = html.firstMatch(of: /(?s)<noscript>(.*)<\/noscript>/)?.1
    #expect(noscript?.contains("<svg") == true)
    #expect(html == ExplanationPage(sample()).html)
  }

  @Test("a legend explains unread tokens where some policy reads a part")
  func legend() {
    #expect(ExplanationPage(sample()).html.contains("held, not read"))
    #expect(!ExplanationPage(sample(labels: ["a"])).html.contains("held, not read"))
  }

  @Test("the text has a picture of each policy and a line for each step, within a terminal")
  func table() {
    let lines = sample(labels: ["first, 44 rows per lane", "second"]).table
      .split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.allSatisfy { $0.count <= 80 })
    #expect(lines.contains("first, 44 rows per lane, at the end:"))
    let rows = lines.drop { !$0.hasPrefix("step") }.prefix(3).map { $0.split(separator: " ") }
    #expect(rows[1] == ["1", "sat", "12.5%", "#####", "12.5%", "#####"])
    #expect(
      rows[2] == ["2", "on", "25.0%", "##########", "<b>", "25.0%", "##########", "<b>"])
  }
}
