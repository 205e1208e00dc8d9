import KVPolicyKit

/// Writes documents: LongGenBench and RULER in miniature, in a language of 512 words.
///
/// A prompt states constraints on a long numbered list, and facts, scattered among sentences
/// without meaning. The response writes the list and answers questions. Every token of the response
/// is determined, and each needs one or two looks at the prompt. So a small model with full
/// attention makes no mistakes, and a model whose cache forgot a line does.
///
/// ```swift
/// let recipe = TaskRecipe(tokens: 1500, list: .init(items: 80, once: 20, ranges: 8, periodic: 2))
/// let document = try TaskGenerator(recipe: recipe, seed: .heldOut(0)).document()
/// let score = document.score(written)
/// ```
public struct TaskGenerator: Sendable {
  /// The contents of the documents.
  public let recipe: TaskRecipe
  /// The seed, which selects the document.
  public let seed: TaskSeed

  /// Makes a generator for a valid recipe.
  ///
  /// - Throws: `TaskError` if the language cannot express the recipe, or its tokens cannot hold it.
  public init(recipe: TaskRecipe, seed: TaskSeed) throws(TaskError) {
    try recipe.check()
    (self.recipe, self.seed) = (recipe, seed)
  }

  /// The document. The same recipe and seed give the same document on every machine.
  public func document() -> TaskDocument {
    var random = seed.generator
    return TaskGenerator.document(recipe, using: &random)
  }

  /// A document of a recipe that has been checked.
  static func document(
    _ recipe: TaskRecipe, using random: inout SplitMix64
  ) -> TaskDocument {
    var draft = DocumentDraft()
    var things = TaskVocabulary.things
    var questions =
      recipe.questions.map {
        QuestionWriter.facts($0, things: &things, into: &draft, using: &random)
      } ?? QuestionWriter()
    var items: [WrittenLine] = []
    if let list = recipe.list {
      items = ListWriter.write(list, things: things, into: &draft, using: &random)
    }
    if let dialogue = recipe.dialogue {
      questions.converse(dialogue, items: items, in: &draft, using: &random)
    } else {
      questions.askAll(in: &draft)
    }
    return draft.document(tokens: recipe.tokens, using: &random)
  }
}
