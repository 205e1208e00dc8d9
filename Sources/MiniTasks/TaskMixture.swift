import KVPolicyKit

/// Documents of all kinds and sizes to learn from: every seed draws its own recipe.
///
/// Lengths and kinds form the curriculum. A model learns within few steps to look things up from
/// copies, and very slowly from all other kinds. So training begins with short copies, continues
/// with all kinds at 96 tokens and more, and ends with the lengths to be tested.
public struct TaskMixture: Equatable, Sendable {
  /// What a document asks for.
  public enum Kind: String, CaseIterable, Sendable {
    /// One copy, as long as the document allows.
    case copy
    /// A list.
    case list
    /// Answers to questions.
    case questions
    /// A list, then answers.
    case both
    /// A list, then answers over several turns, some of which repeat lines that earlier turns
    /// wrote.
    case dialogue

    /// The fewest tokens of a document of this kind.
    public var shortest: Int {
      switch self {
      case .copy: 24
      case .list, .questions, .both: 96
      case .dialogue: 128
      }
    }
  }

  /// Lengths to draw from.
  public let lengths: ClosedRange<Int>
  /// Kinds to draw from. A kind that is listed twice is drawn twice as often; by default lists are
  /// favoured.
  public let kinds: [Kind]

  /// Documents of the given lengths and kinds.
  ///
  /// - Throws: `TaskError` if `lengths` begins below a kind's `Kind.shortest`, or there are no
  ///   kinds.
  public init(
    lengths: ClosedRange<Int>, kinds: [Kind] = [.list, .list, .list, .questions, .both]
  ) throws(TaskError) {
    guard let shortest = kinds.map({ $0.shortest }).max() else {
      throw .recipe("a mixture needs at least one kind of document")
    }
    guard lengths.lowerBound >= shortest else {
      throw .tooShort(tokens: lengths.lowerBound, needed: shortest)
    }
    (self.lengths, self.kinds) = (lengths, kinds)
  }

  /// The document of a seed.
  public func document(_ seed: TaskSeed) -> TaskDocument {
    var random = seed.generator
    return TaskGenerator.document(recipe(using: &random), using: &random)
  }

  /// Draws a recipe that its number of tokens can hold.
  func recipe(using random: inout SplitMix64) -> TaskRecipe {
    var recipe = TaskRecipe(tokens: length(using: &random))
    let kind = random.draw(from: kinds)
    if kind == .copy {
      // 16 tokens frame the document and the words; each word is written twice.
      let most = min(TaskLayout.mostCopiedWords, (recipe.tokens - 16) / 2)
      recipe.questions = .init(copiedWords: random.draw(max(1, most - 2)...most))
      return recipe
    }
    if kind == .dialogue { recipe.dialogue = dialogue(tokens: recipe.tokens / 4, using: &random) }
    if kind != .list {
      // Where there is a list, questions leave most of the document to it.
      let room = kind == .questions ? recipe.tokens * 3 / 5 : recipe.tokens / 4
      recipe.questions = questions(
        tokens: room, lookingBack: recipe.dialogue?.again ?? 0, using: &random)
    }
    if kind != .questions {
      recipe.list = list(tokens: recipe.tokens - recipe.neededTokens, using: &random)
    }
    return recipe
  }

  /// Draws a length. Every doubling of the shortest length is equally likely, so a mixture of all
  /// lengths has as many documents of 256 to 512 tokens as of 2048 to 4096.
  private func length(using random: inout SplitMix64) -> Int {
    var (doublings, start) = ([ClosedRange<Int>](), lengths.lowerBound)
    while start <= lengths.upperBound {
      doublings.append(start...min(2 * start - 1, lengths.upperBound))
      start *= 2
    }
    // A last doubling that is cut short must not be drawn more often than its size warrants.
    if doublings.count > 1, let last = doublings.last, 2 * last.count < last.lowerBound {
      doublings.removeLast()
      doublings[doublings.count - 1] =
        doublings[doublings.count - 1].lowerBound...lengths.upperBound
    }
    return random.draw(doublings.count == 1 ? lengths : random.draw(from: doublings))
  }

  /// One to six more turns, with one or more looks back in each, in about `tokens` tokens.
  private func dialogue(tokens: Int, using random: inout SplitMix64) -> TaskRecipe.Dialogue {
    let turns = random.draw(1...max(1, min(6, tokens / 32)))
    return .init(turns: turns, again: random.draw(turns...max(turns, min(12, tokens / 18))))
  }

  /// At least one question, in at most `tokens` tokens, or 24 if `tokens` is less.
  private func questions(
    tokens: Int, lookingBack: Int, using random: inout SplitMix64
  ) -> TaskRecipe.Questions {
    var (questions, room) = (TaskRecipe.Questions(), tokens - 12)
    let longestCopy = min(TaskLayout.mostCopiedWords, (room - 11) / 4)
    if longestCopy >= 3 && random.draw(0...1) == 0 {
      questions.copiedWords = random.draw(3...longestCopy)
      room -= 2 * questions.copiedWords + 11
    }
    questions.variables = random.draw(0...min(8, max(0, room) / 44))
    room -= 22 * questions.variables
    let labels = TaskVocabulary.labels.count - questions.count - lookingBack
    questions.recall = random.draw(1...max(1, min(12, labels, room / 12)))
    room -= 12 * (questions.recall - 1)
    let names = TaskVocabulary.names.count - 3 * questions.variables - questions.recall
    questions.unasked = random.draw(0...min(names, max(0, room) / 4))
    return questions
  }

  /// A list of at least three items that takes at most `tokens` tokens, its constraints included.
  private func list(tokens: Int, using random: inout SplitMix64) -> TaskRecipe.List {
    // Besides the items: the request, both periodic rules, the end of the list.
    let room = tokens - 15
    // An item costs its line, 10 tokens, and its share of the densest constraints drawn below,
    // 3.75.
    let most = min(TaskVocabulary.largestNumber, room * 10 / 138)
    var list = TaskRecipe.List(items: max(3, random.draw(max(3, most * 4 / 10)...max(3, most))))
    list.once = random.draw(1...max(1, list.items / 2))
    list.ranges = random.draw(1...max(1, list.items / 4))
    list.periodic = min(2, random.draw(0...5))
    return list
  }
}
