import KVPolicyKit

/// States facts, asks for some of them in random order, and answers.
struct QuestionWriter {
  /// The names that no line has used yet, in random order.
  private var names: [Int]
  /// Questions in the order of their lines: what an answer holds after its label.
  private var questions: [Question] = []

  private struct Question {
    var kind: TaskCheck.Kind
    /// What the request names, and what the answer is.
    var words: [Int]
    var source: DocumentDraft.Source
  }

  /// Writes the facts, the requests and the answers into a draft. The copied words are taken from
  /// `things`, so that nothing else in the document repeats them.
  static func facts(
    _ recipe: TaskRecipe.Questions, things: inout [Int], into draft: inout DocumentDraft,
    using random: inout SplitMix64
  ) -> QuestionWriter {
    var writer = QuestionWriter(names: TaskVocabulary.names)
    random.shuffle(&writer.names)
    writer.stateCopy(recipe.copiedWords, things: &things, in: &draft, using: &random)
    writer.stateKeys(recipe, things: things, in: &draft, using: &random)
    writer.stateVariables(recipe, in: &draft, using: &random)
    random.shuffle(&writer.questions)
    return writer
  }

  /// Asks, one line each at the end of the prompt, and answers after whatever the response holds already.
  func ask(in draft: inout DocumentDraft) {
    for (index, question) in questions.enumerated() {
      let label = TaskVocabulary.labels[index]
      let isLast = index == questions.count - 1
      draft.request([
        TaskVocabulary.token(isLast ? "last" : "ask"), label, question.words[0],
      ])
      draft.respond(
        [label] + question.words, checking: expectations(of: question, number: index + 1))
    }
  }

  /// A copy is checked word by word, the end included, other answers as a whole.
  private func expectations(of question: Question, number: Int) -> [DocumentDraft.Expectation] {
    let places = 2..<question.words.count + 1
    let checked = question.kind == .copy ? places.map { $0..<$0 + 1 } : [places]
    return checked.map {
      .init(kind: question.kind, item: number, places: $0, source: question.source)
    }
  }

  /// `copy lamp bridge … end`
  private mutating func stateCopy(
    _ count: Int, things: inout [Int], in draft: inout DocumentDraft,
    using random: inout SplitMix64
  ) {
    guard count > 0 else { return }
    random.shuffle(&things)
    let copy = TaskVocabulary.token("copy")
    let words = [copy] + things.suffix(count) + [TaskVocabulary.token("end")]
    things.removeLast(count)
    questions.append(.init(kind: .copy, words: words, source: draft.state(words)))
  }

  /// `key nina violin`
  private mutating func stateKeys(
    _ recipe: TaskRecipe.Questions, things: [Int], in draft: inout DocumentDraft,
    using random: inout SplitMix64
  ) {
    for index in 0..<recipe.recall + recipe.unasked {
      let words = [names.removeLast(), random.draw(from: things)]
      let source = draft.state([TaskVocabulary.token("key")] + words)
      guard index < recipe.recall else { continue }
      questions.append(.init(kind: .recall, words: words, source: source))
    }
  }

  /// `set nina oscar`, `set oscar 7`
  ///
  /// The answer walks the chain, `nina oscar 7`, so that each of its tokens needs one look at the prompt.
  private mutating func stateVariables(
    _ recipe: TaskRecipe.Questions, in draft: inout DocumentDraft, using random: inout SplitMix64
  ) {
    for _ in 0..<recipe.variables {
      let length = random.draw(1...recipe.longestChain)
      let value = TaskVocabulary.number(random.draw(1...TaskVocabulary.largestNumber))
      let words = (0..<length).map { _ in names.removeLast() } + [value]
      // The line that assigns the number is the one the checked token depends on.
      var source = DocumentDraft.Source.line(0)
      for (variable, value) in zip(words, words.dropFirst()) {
        source = draft.state([TaskVocabulary.token("set"), variable, value])
      }
      questions.append(.init(kind: .variables, words: words, source: source))
    }
  }
}
