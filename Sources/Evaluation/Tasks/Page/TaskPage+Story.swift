import Reporting

/// The story of a page: a document, and the tokens that each policy still holds, moment by moment.
extension TaskPage {
  var storySection: String {
    guard let story = report.story, !story.tellers.isEmpty, !story.moments.isEmpty else {
      return ""
    }
    let first = TaskPage.firstTeller(of: story)
    let options = story.tellers.enumerated().map { index, teller in
      let selected = index == first ? " selected" : ""
      return "<option value=\"\(index)\"\(selected)>\(Markup.escaped(name(of: teller)))</option>"
    }
    let last = story.moments.count - 1
    return """
      <section id="story" aria-labelledby="story-heading">
      <h2 id="story-heading">Watch a policy forget</h2>
      <p>One document, while a policy writes the answer. The more lanes still hold a token, the stronger its
      colour; a lane is one key head of one layer. ↵ is the token that ends a line.</p>
      <p class="note">\(choice(of: story))</p>
      <noscript><p class="note">This part needs JavaScript; the table and the charts do not.</p></noscript>
      <div id="telling" hidden>
      <form class="controls" autocomplete="off">
      <label>policy <select id="teller">\(options.joined())</select></label>
      <button type="button" id="play">Play</button>
      <label class="time">moment <input type="range" id="moment" min="0" max="\(last)" step="1" \
      value="\(last)"></label>
      <output id="result" for="teller"></output>
      <output id="status" for="teller moment"></output>
      </form>
      <p class="note legend"><span class="held9">held by all lanes</span>
      <span class="held5">by half of them</span> <span class="held1">by few</span>
      <span class="held0">forgotten</span> <em>wrong word</em></p>
      <p class="note">Not every word is checked, so there can be more wrong words than failed checks; checks of
      words that were never written fail.</p>
      <figure class="strip">
      <div><canvas id="strip" role="img" aria-label="What the policy holds at every moment"></canvas>\
      <i id="now"></i><i id="edge"></i></div>
      <figcaption>From left to right every token, prompt and answer parted by a line; from top to bottom
      every moment. A token is the stronger the more lanes hold it.</figcaption>
      </figure>
      <h3>Prompt</h3>
      <div id="prompt" class="text"></div>
      <h3>Answer</h3>
      <div id="answer" class="text"></div>
      </div>
      </section>
      """
  }

  /// The index of the teller that the story opens with: the one that passes the smallest share of
  /// checks. Full attention and random choice are avoided, because they teach little.
  static func firstTeller(of story: TaskStory) -> Int {
    let others = Array(story.tellers.indices.dropFirst())
    let telling = others.filter { story.tellers[$0].label != "random" }
    let choice = telling.isEmpty ? others : telling
    return choice.min { story.tellers[$0].tally.share < story.tellers[$1].tally.share } ?? 0
  }

  /// Why the story tells this document.
  private func choice(of story: TaskStory) -> String {
    guard let full = story.tellers.first else { return "" }
    let tally = "\(full.tally.hits) of \(Markup.count(full.tally.checks, "check"))"
    guard full.mistakes.isEmpty, full.tally.hits == full.tally.checks else {
      return """
        Full attention answers none of the first \(TaskComparison.storyCandidates) documents of this length without a
        fault. The story tells number \(story.document), of which it passes the largest share of checks: \(tally).
        """
    }
    let seed = report.seed == 0 ? "" : " --seed \(report.seed)"
    let tokens = story.prompt.count + full.answer.count
    return """
      It is the first document of this length that full attention answers without a fault, so what a policy gets wrong
      here is what it forgot: <code>kvpolicy document --tokens \(tokens) --number \(story.document)\(seed)</code>
      prints it.
      """
  }

  private func name(of teller: TaskStory.Teller) -> String {
    teller.label + (teller.budget.map { ", \(Markup.count($0, "row")) per lane" } ?? "")
  }
}
