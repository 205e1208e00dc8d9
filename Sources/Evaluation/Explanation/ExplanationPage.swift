import KVPolicyKit
import Reporting

/// An explanation as one self-contained HTML page, in which a reader moves through the steps: it
/// needs no network and no other file.
///
/// The page holds what it draws as JSON, in the element `explanation`.
public struct ExplanationPage {
  let explanation: Explanation

  /// A page about an explanation.
  public init(_ explanation: Explanation) { self.explanation = explanation }

  /// The HTML of the page. Equal explanations give equal bytes.
  public var html: String {
    PageFrame(
      title: "What \(names), token by token",
      style: PageStyle.rules(PageStyle.player, PageStyle.tokens, ExplanationStyle.rules),
      content: """
        <header>
        <h1>What a policy forgets, token by token</h1>
        <p class="lede">Each new token of a language model looks back at the keys and values of all tokens before it, and
        spreads its attention over them. A policy keeps that memory small: it forgets tokens, or reads only
        some. Move through the steps to see which tokens are gone, and how much attention would have gone to
        them.</p>
        <p class="conditions">\(conditions)</p>
        </header>
        <section aria-label="The steps">
        <noscript><p>This page needs JavaScript to move through its steps. Here is what the policies lost:</p>
        \(chart.svg(for: .page))
        </noscript>
        <div id="telling" hidden>
        \(controls)
        \(legend)
        <div class="sides">
        \(explanation.runs.indices.map(side).joined(separator: "\n"))
        </div>
        <output id="about"></output>
        \(notes)
        </div>
        </section>
        """,
      scripts: """
        <script type="application/json" id="explanation">\(Markup.script(json: data))</script>
        <script>
        \(ExplanationScript.text)
        </script>
        """
    ).html
  }

  private var names: String {
    let labels = explanation.runs.map(\.label)
    return Markup.list(labels) + (labels.count == 1 ? " forgets" : " forget")
  }

  /// The conditions, in two sentences.
  private var conditions: String {
    let labels = explanation.runs.map { "<b>\(Markup.escaped($0.label))</b>" }
    let they = labels.count == 1 ? "it" : "they"
    return """
      <b>\(Markup.escaped(explanation.model))</b>, a transformer of \
      \(Markup.count(explanation.layers, "layer")) with \(Markup.count(explanation.keyHeads, "key head")) each, \
      read a prompt of \(Markup.count(explanation.promptLength, "token")) \
      (\(Markup.escaped(explanation.text))) and wrote \(Markup.count(explanation.steps, "token")) with full \
      attention; a <i>lane</i> is the cache of one key head of one layer. Under \(Markup.list(labels)) it read \
      the same tokens at the same steps, whatever \(they) would have made it write.
      """
  }

  private var controls: String {
    let lanes = (0..<explanation.lanes).map { lane in
      let (layer, head) = lane.quotientAndRemainder(dividingBy: explanation.keyHeads)
      return "<option value=\"\(lane)\">layer \(layer) head \(head)</option>"
    }
    return """
      <form class="controls" autocomplete="off">
      <label>lane <select id="lane"><option value="-1" selected>all \(explanation.lanes) lanes</option>\
      \(lanes.joined())</select></label>
      <button type="button" id="play">Play</button>
      <label class="time">step <input type="range" id="moment" min="0" max="\(explanation.steps)" step="1" \
      value="\(explanation.steps)"></label>
      <output id="status" for="lane moment"></output>
      <figure class="loss">
      <figcaption>Attention lost, by step <span id="key"></span></figcaption>
      <div class="plot"><div class="ticks"><span id="most"></span><span>0%</span></div>
      <div class="field" id="field"><svg id="chart" class="chart" role="img" \
      viewBox="1 0 \(max(1, explanation.steps - 1)) 100" preserveAspectRatio="none"></svg><i id="now"></i></div>
      <div class="ends"><span>step 1</span><span>step \(explanation.steps)</span></div></div>
      </figure>
      </form>
      """
  }

  private var legend: String {
    let unread =
      explanation.runs.contains { !$0.unread.isEmpty }
      ? "\n<span class=\"unread\">held, not read</span>" : ""
    return """
      <p class="note legend"><span class="held9">seen by all lanes</span>
      <span class="held5">by half of them</span> <span class="held1">by few</span>
      <span class="held0">forgotten</span>\(unread)
      <em>the policy would have written another word</em> <span class="newest">newest token</span></p>
      """
  }

  private func side(_ index: Int) -> String {
    let label = Markup.escaped(explanation.runs[index].label)
    return """
      <section class="side" aria-labelledby="name\(index)">
      <h2 id="name\(index)">\(label)</h2>
      <p id="state\(index)" class="state"></p>
      <p id="plan\(index)" class="plan"></p>
      <div id="text\(index)" role="group" aria-label="The tokens under \(label)">
      <h3>Prompt</h3><div class="text flow"></div>
      <h3>Written</h3><div class="text flow"></div>
      </div>
      </section>
      """
  }

  private var notes: String {
    """
    <details><summary>What exactly is shown</summary>
    <p>The attention lost at a step is the sum of the weights that full attention gives, at the same step of
    the same text, to tokens that the policy's attention could not see; it is the mean over the query heads
    of the lane, or of all lanes. What is forgotten after a step is missed from the next step on, unless the
    policy forgets before it attends. The colour of a token is the share of lanes whose attention still sees
    it. Reading the prompt loses nothing here: step 0 is its end.</p>
    <p>Arrow keys move the slider from anywhere on the page; in a text, they move from token to token.</p>
    <ul class="plain">
    \(explanation.runs.map { "<li><code>\(Markup.escaped($0.configuration.value.text))</code></li>" }
      .joined(separator: "\n"))
    </ul>
    </details>
    """
  }

  /// The mass lost on average over all lanes, for readers without scripts.
  private var chart: LineChart {
    var chart = LineChart(
      title: "Attention lost by step",
      x: .init("step", unit: .whole), y: .init("attention lost", unit: .percent, range: 0...0))
    chart.series = explanation.runs.enumerated().map { index, run in
      let points = run.meanLost.enumerated().map {
        LineChart.Point(x: Double($0.offset + 1), y: $0.element)
      }
      return .init(run.label, points: points, color: .hue(index), isDashed: index > 0)
    }
    return chart
  }
}
