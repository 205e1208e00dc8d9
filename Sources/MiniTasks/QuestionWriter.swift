import KVPolicyKit

/// States facts, asks for some of them in random order, and writes the answers.
struct QuestionWriter {
  /// The names that are still unused, in random order.
  private var names: [Int] = []
  /// Questions in the order in which they are asked.
  private var questions: [Question] = []
  /// The number of questions asked so far, in all turns.
  private var asked = 0
  /// Answers that a later turn can request again.
  private var answers: [WrittenLine] = []

  private struct Question {
    var kind: TaskCheck.Kind
    /// The answer without its label. The request names the first word.
    var words: [Int]
    var source: DocumentDraft.Source

    /// Whether a later turn can request the answer again. Copies are too long to be repeated.
    var canBeRepeated: Bool { kind == .recall || kind == .variables }
  }

  init() {}

  /// States the facts in a draft, and returns a writer that can ask for them. The copied words are
  /// removed from `things`, so that they occur nowhere else in the document.
  static func facts(
    _ recipe: TaskRecipe.Questions, things: inout [Int], into draft: inout DocumentDraft,
    using random: inout SplitMix64
  ) -> QuestionWriter {
    var writer = QuestionWriter()
    writer.names = TaskVocabulary.names
    random.shuffle(&writer.names)
    writer.stateCopy(recipe.copiedWords, things: &things, in: &draft, using: &random)
    writer.stateKeys(recipe, things: things, in: &draft, using: &random)
    writer.stateVariables(recipe, in: &draft, using: &random)
    random.shuffle(&writer.questions)
    return writer
  }

  /// Asks all questions in one turn: one line each at the end of its prompt. The answers follow the
  /// items that the response already has.
  mutating func askAll(in draft: inout DocumentDraft) {
    ask(questions, in: &draft)
  }

  /// Asks the questions over several turns. Later turns also request items and answers of earlier
  /// turns.
  mutating func converse(
    _ dialogue: TaskRecipe.Dialogue, items: [WrittenLine], in draft: inout DocumentDraft,
    using random: inout SplitMix64
  ) {
    var turns = [[Question]](repeating: [], count: dialogue.turns + 1)
    for question in questions { turns[random.draw(0...dialogue.turns)].append(question) }
    // Without a list, a question must be answered before the first look back.
    if items.isEmpty {
      for turn in turns.indices.dropFirst() {
        turns[0] += turns[turn].filter(\.canBeRepeated)
        turns[turn].removeAll(where: \.canBeRepeated)
      }
    }
    for turn in turns.indices {
      if turn > 0 { draft.endTurn() }
      var asked = turns[turn]
      // Each later turn has an equal share of the looks back.
      let looks = turn == 0 ? 0 : (dialogue.again + turn - 1) / dialogue.turns
      for _ in 0..<looks {
        let looksAtAnswer = !answers.isEmpty && random.draw(0...3) == 0
        let line =
          items.isEmpty || looksAtAnswer ? random.draw(from: answers) : random.draw(from: items)
        asked.append(Question(kind: .again, words: line.words, source: line.source))
      }
      random.shuffle(&asked)
      ask(asked, in: &draft)
    }
  }

  private mutating func ask(_ questions: [Question], in draft: inout DocumentDraft) {
    for (index, question) in questions.enumerated() {
      let label = TaskVocabulary.labels[asked]
      let isLast = index == questions.count - 1
      draft.request([
        TaskVocabulary.token(isLast ? "last" : "ask"), label, question.words[0],
      ])
      asked += 1
      let answer = [label] + question.words
      let source = draft.respond(answer, checking: expectations(of: question, number: asked))
      if question.canBeRepeated {
        answers.append(WrittenLine(words: answer, source: source))
      }
    }
  }

  /// A copy is checked word by word, including its end; other answers are checked as a whole.
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
  /// The answer walks the chain, `nina oscar 7`, so that each token needs only one look at the
  /// prompt.
  private mutating func stateVariables(
    _ recipe: TaskRecipe.Questions, in draft: inout DocumentDraft, using random: inout SplitMix64
  ) {
    for _ in 0..<recipe.variables {
      let length = random.draw(1...recipe.longestChain)
      let value = TaskVocabulary.number(random.draw(1...TaskVocabulary.largestNumber))
      let words = (0..<length).map { _ in names.removeLast() } + [value]
      // The checked tokens depend on the line that assigns the number.
      var source = DocumentDraft.Source.line(0)
      for (variable, value) in zip(words, words.dropFirst()) {
        source = draft.state([TaskVocabulary.token("set"), variable, value])
      }
      questions.append(.init(kind: .variables, words: words, source: source))
    }
  }
}
