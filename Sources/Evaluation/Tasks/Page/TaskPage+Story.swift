import Reporting

/// The story of a page: a document, and what each policy still holds of it, moment by moment.
extension TaskPage {
  var storySection: String {
    guard let story = report.story, !story.tellers.isEmpty, !story.moments.isEmpty else {
      return ""
    }
    let options = story.tellers.enumerated().map { index, teller in
      "<option value=\"\(index)\">\(Markup.escaped(name(of: teller)))</option>"
    }
    let last = story.moments.count - 1
    return """
      <section id="story" aria-labelledby="story-heading">
      <h2 id="story-heading">What is still held, word by word</h2>
      <p>One document, while a policy writes the answer. Each token is as strong as the share of lanes
      that still hold it; ↵ is the token that ends a line.</p>
      <noscript><p class="note">This part needs JavaScript; the table and the charts do not.</p></noscript>
      <div id="telling" hidden>
      <form class="controls" autocomplete="off">
      <label>policy <select id="teller">\(options.joined())</select></label>
      <button type="button" id="play">Play</button>
      <label class="time">moment <input type="range" id="moment" min="0" max="\(last)" step="1" \
      value="\(last)"></label>
      <output id="status" for="teller moment"></output>
      </form>
      <p class="note legend"><span class="held9">held by all lanes</span> ·
      <span class="held5">by half of them</span> · <span class="held1">by few</span> ·
      <span class="held0">forgotten</span> · <em class="held9">mistake</em></p>
      <figure class="strip">
      <div><canvas id="strip" role="img" aria-label="What the policy holds at every moment"></canvas>\
      <i id="now"></i><i id="edge"></i></div>
      <figcaption>From left to right every token, prompt and answer parted by a line; from top to bottom
      every moment.</figcaption>
      </figure>
      <h3>Prompt</h3>
      <div id="prompt" class="text"></div>
      <h3>Answer</h3>
      <div id="answer" class="text"></div>
      </div>
      </section>
      """
  }

  /// The report, and what tells its story.
  var scripts: String {
    let json = (try? ReportText.json(report, layout: [])) ?? "null"
    let data =
      "<script type=\"application/json\" id=\"report\">\(Markup.script(json: json))</script>"
    return data + (storySection.isEmpty ? "" : "\n<script>\n\(StoryScript.text)\n</script>")
  }

  private func name(of teller: TaskStory.Teller) -> String {
    teller.label + (teller.budget.map { ", \(Markup.count($0, "row")) per lane" } ?? "")
  }
}
