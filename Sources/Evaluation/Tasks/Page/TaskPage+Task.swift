import MiniTasks
import Reporting

/// The explanation of the tasks on a page: an example, and its checks.
extension TaskPage {
  var taskSection: String {
    guard let example = TaskExample.standard else { return "" }
    return """
      <section aria-labelledby="task-heading">
      <h2 id="task-heading">What the model is asked to do</h2>
      <p>A prompt, in a made-up language of \(TaskVocabulary.count) words, states rules for the items of a list, and
      facts, between sentences that mean nothing. The model then writes the whole list and answers the
      questions, one word after the other. This is a small document; those of the charts have
      \(Markup.count(report.documentTokens, "token")) each, and \(difference).</p>
      <p>The <mark>marked words</mark> are checked. Each follows from the line of the prompt with the same letter: a
      policy that has forgotten the line gets the word wrong, unless it is lucky.</p>
      <div class="example">
      <div><h3>Prompt</h3>
      <div class="text">
      \(example.prompt.map(promptLine).joined(separator: "\n"))
      </div></div>
      <div><h3>Right answer</h3>
      <div class="text">
      \(example.answer.map(answerLine).joined(separator: "\n"))
      </div></div>
      </div>
      <h3>What is checked</h3>
      <dl class="rules">
      \(rules(of: example).joined(separator: "\n"))
      </dl>
      </section>
      """
  }

  /// How the measured documents differ from the example, apart from their length.
  private var difference: String {
    report.kind == TaskMixture.Kind.both.rawValue
      ? "more of everything" : "are of another kind, <code>\(Markup.escaped(report.kind))</code>"
  }

  private func promptLine(letter: String?, words: [String]) -> String {
    let text = Markup.escaped(words.joined(separator: " "))
    guard let letter else { return "<div class=\"quiet\">\(text)</div>" }
    return "<div><mark>\(text)<sup>\(letter)</sup></mark></div>"
  }

  private func answerLine(_ words: [TaskExample.Word]) -> String {
    let texts = words.map { word in
      let text = Markup.escaped(word.text)
      return word.letter.map { "<mark>\(text)<sup>\($0)</sup></mark>" } ?? text
    }
    return "<div>\(texts.joined(separator: " "))</div>"
  }

  /// The kinds of check, each with a line of the example.
  private func rules(of example: TaskExample) -> [String] {
    var rules = example.rules.map { rule in
      """
      <div><dt>\(rule.kind.rawValue) <code>\(Markup.escaped(rule.line))<sup>\(rule.letter)</sup></code></dt>
      <dd>\(TaskPage.meaning(of: rule.kind))</dd></div>
      """
    }
    let again = TaskCheck.Kind.again
    if report.policies.contains(where: { $0.kinds[again.rawValue] != nil }) {
      rules.append(
        "<div><dt>\(again.rawValue)</dt>\n<dd>\(TaskPage.meaning(of: again))</dd></div>")
    }
    return rules
  }

  /// What a kind of check requires of an answer.
  private static func meaning(of kind: TaskCheck.Kind) -> String {
    switch kind {
    case .once: "The item with this number, and no other, holds the word."
    case .range:
      """
      Items from the first number on hold the word, until the item with the second number holds
      <code>bare</code> again.
      """
    case .periodic:
      """
      Items are counted (the count is written before <code>still</code>); the item at which the count reaches
      this number holds the word instead, and the count begins again.
      """
    case .completion:
      "The list has all its items in order, and ends with <code>done</code> after the last."
    case .recall: "Asked for the key, the answer gives its value."
    case .copy: "Asked for the copy, the answer repeats it word by word, its end included."
    case .variables:
      """
      A variable stands for a number, or for another variable; the answer follows the chain to its number.
      """
    case .again:
      """
      In a later turn of a dialogue the user asks for an item or an answer that the model wrote before.
      """
    }
  }
}
