/// The size of a document, and what it asks for.
public struct TaskRecipe: Equatable, Sendable {
  /// The list to write, if any.
  public struct List: Equatable, Sendable {
    /// The number of items; at least 3 for each range.
    public var items: Int
    /// The number of the first item; nil draws a number.
    public var first: Int?
    /// The number of items with a word that belongs to a single item; at most `items`.
    public var once: Int
    /// The number of ranges: consecutive items that share a word. Ranges never touch.
    public var ranges: Int
    /// The number of periodic rules, 0, 1 or 2, each with its own index in an item.
    public var periodic: Int

    /// A list of `items` items, by default with a constraint of each kind.
    public init(items: Int, first: Int? = nil, once: Int = 1, ranges: Int = 1, periodic: Int = 1) {
      (self.items, self.first) = (items, first)
      (self.once, self.ranges, self.periodic) = (once, ranges, periodic)
    }
  }

  /// The questions to answer, after the list if there is one.
  public struct Questions: Equatable, Sendable {
    /// The number of keys that are asked for.
    public var recall: Int
    /// The number of keys that are given and never asked for.
    public var unasked: Int
    /// The number of variables that are asked for, each at the end of a separate chain.
    public var variables: Int
    /// The largest number of assignments in a chain; each length from 1 is equally likely.
    public var longestChain: Int
    /// The number of words to copy; 0 asks for no copy.
    public var copiedWords: Int

    /// The given numbers of questions.
    public init(
      recall: Int = 0, unasked: Int = 0, variables: Int = 0, longestChain: Int = 3,
      copiedWords: Int = 0
    ) {
      (self.recall, self.unasked, self.variables) = (recall, unasked, variables)
      (self.longestChain, self.copiedWords) = (longestChain, copiedWords)
    }

    /// The number of questions asked.
    public var count: Int { recall + variables + (copiedWords > 0 ? 1 : 0) }
  }

  /// The turns after the first answer.
  public struct Dialogue: Equatable, Sendable {
    /// The number of turns after the first.
    public var turns: Int
    /// The number of items and answers of earlier turns that later turns request again; at least
    /// `turns`.
    public var again: Int

    /// A dialogue of `turns` more turns.
    public init(turns: Int = 1, again: Int = 1) { (self.turns, self.again) = (turns, again) }
  }

  /// The number of tokens of the whole document, prompts and responses. Filler takes the unused
  /// tokens.
  public var tokens: Int
  /// The list to write, if any.
  public var list: List?
  /// The questions to answer, if any.
  public var questions: Questions?
  /// The later turns, if any. Each question is asked in a turn drawn at random.
  public var dialogue: Dialogue?

  /// A document of `tokens` tokens.
  public init(
    tokens: Int, list: List? = nil, questions: Questions? = nil, dialogue: Dialogue? = nil
  ) {
    (self.tokens, self.list) = (tokens, list)
    (self.questions, self.dialogue) = (questions, dialogue)
  }

  /// Tokens that the document may need before filler, if every chain has the greatest length.
  public var neededTokens: Int {
    // The lines that open the document and the response, and the token that ends it.
    var needed = 5
    if let list {
      needed += 4 * list.once + 7 * list.ranges + 4 * list.periodic
      needed += 6 + TaskLayout.itemLength * list.items + 1
    }
    if let questions {
      needed += 12 * questions.recall + 4 * questions.unasked
      needed += (5 * questions.longestChain + 7) * questions.variables
      needed += questions.copiedWords > 0 ? 2 * questions.copiedWords + 11 : 0
    }
    if let dialogue { needed += 3 * dialogue.turns + 15 * dialogue.again }
    return needed
  }

  /// Throws for a recipe that the language cannot express, or that the tokens cannot hold.
  func check() throws(TaskError) {
    try list?.check()
    try questions?.check()
    try checkDialogue()
    guard tokens >= neededTokens else { throw .tooShort(tokens: tokens, needed: neededTokens) }
  }
}

extension TaskRecipe {
  fileprivate func checkDialogue() throws(TaskError) {
    guard let dialogue else { return }
    guard dialogue.turns >= 1, dialogue.again >= dialogue.turns else {
      throw .recipe(
        "a dialogue has at least 1 more turn, and at least 1 look back in each; not "
          + "\(dialogue.turns) turns and \(dialogue.again) looks back")
    }
    let questions = questions ?? .init()
    guard list != nil || questions.recall + questions.variables > 0 else {
      throw .recipe("a dialogue needs a list, a key or a variable to look back at")
    }
    let (labels, asked) = (TaskVocabulary.labels.count, questions.count)
    guard asked + dialogue.again <= labels else {
      throw .recipe("a document asks at most \(labels) questions, looks back included")
    }
  }
}

extension TaskRecipe.List {
  fileprivate func check() throws(TaskError) {
    let largest = TaskVocabulary.largestNumber
    guard (1...largest).contains(items), (1...largest - items + 1).contains(first ?? 1) else {
      throw .recipe("a list has items 1...\(largest), not \(items) from \(first ?? 1)")
    }
    guard (0...items).contains(once) else {
      throw .recipe("\(items) items cannot hold \(once) words of single items")
    }
    guard (0...items / TaskLayout.shortestShare).contains(ranges) else {
      throw .recipe(
        "\(items) items hold 0...\(items / TaskLayout.shortestShare) ranges, not \(ranges)")
    }
    guard (0...2).contains(periodic) else {
      throw .recipe("a list has 0, 1 or 2 periodic rules, not \(periodic)")
    }
  }
}

extension TaskRecipe.Questions {
  fileprivate func check() throws(TaskError) {
    let (names, labels) = (TaskVocabulary.names.count, TaskVocabulary.labels.count)
    guard min(recall, unasked, variables, copiedWords) >= 0, (1...3).contains(longestChain) else {
      throw .recipe("questions have no negative numbers, and chains of 1...3 assignments")
    }
    guard count <= labels else { throw .recipe("a document asks at most \(labels) questions") }
    guard recall + unasked + longestChain * variables <= names else {
      throw .recipe("keys and the variables of the longest chains share \(names) names")
    }
    guard copiedWords <= TaskLayout.mostCopiedWords else {
      throw .recipe("a copy has at most \(TaskLayout.mostCopiedWords) words")
    }
  }
}
