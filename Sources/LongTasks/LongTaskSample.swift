/// A prompt in three parts, and the rule that scores the response.
///
/// The prompt is ``context``, ``question`` and ``answerPrefix``, joined without anything between
/// them. A policy may compress the context before the model reads the question.
public struct LongTaskSample: Equatable, Sendable {
  /// The text that may be compressed.
  public let context: String
  /// The text that follows the context; empty if a data set does not tell the two apart.
  public let question: String
  /// The beginning of the answer; the model continues it. Empty if there is none.
  public let answerPrefix: String
  /// The largest number of tokens of the response.
  public let maxTokens: Int
  /// The texts that the response is compared with; empty for tasks without such texts.
  public let references: [String]
  /// The true response in segments; empty if the task does not know it. Joined, the segments are
  /// the text that follows ``answerPrefix``.
  public let forced: [ForcedSegment]
  /// Where the evidence is in the context, from 0 at its start to 100 at its end; nil if the
  /// evidence is in several places or unknown.
  public let depth: Double?
  let scoring: Scoring

  init(
    context: String, question: String, answerPrefix: String, maxTokens: Int,
    references: [String] = [], forced: [ForcedSegment] = [], depth: Double? = nil,
    scoring: Scoring
  ) {
    (self.context, self.question, self.answerPrefix) = (context, question, answerPrefix)
    (self.maxTokens, self.references, self.forced) = (maxTokens, references, forced)
    (self.depth, self.scoring) = (depth, scoring)
  }

  /// The whole prompt.
  public var prompt: String { context + question + answerPrefix }

  /// The true response; empty if the task does not know it.
  public var trueResponse: String { forced.map(\.text).joined() }

  /// Scores the text that a model wrote after the prompt.
  public func score(_ response: String) -> SampleScore {
    switch scoring {
    case .answer(let metric, let options):
      SampleScore(value: metric.best(response, references, options))
    case .needle(let facts): NeedleTask.score(response, needle: references, facts: facts)
    case .blocks(let plan): plan.score(answerPrefix + response)
    case .length(let words): SampleScore(length: Words.count(in: response), required: words)
    }
  }

  /// The rules by which a response is scored.
  enum Scoring: Equatable, Sendable {
    /// The best value of a metric over the references.
    case answer(AnswerMetric, AnswerMetric.Options)
    /// ROUGE-1 against the needle, and the share of the facts that the response states.
    case needle(facts: [String])
    /// Words that are due in numbered blocks.
    case blocks(BlockPlan)
    /// The number of words against the required number.
    case length(words: Int)
  }
}

/// A part of the true response.
///
/// A due segment begins with the space before it, because most tokenizers join a word with the
/// space before the word. So a text cut at the segments has the tokens of the whole text.
public struct ForcedSegment: Equatable, Sendable {
  /// A word that follows from the prompt alone.
  public struct Due: Equatable, Sendable {
    /// The kind of the check: `answer`, `once`, `range` or `periodic`.
    public let kind: String
    /// The number of the block, or of the answer, from 1.
    public let block: Int
  }

  /// The text.
  public let text: String
  /// The check that the segment must pass; nil for text whose words the prompt does not determine.
  public let due: Due?

  init(_ text: String, due: Due? = nil) { (self.text, self.due) = (text, due) }

  /// Answers with commas between them, each answer due.
  static func answers(_ answers: [String]) -> [ForcedSegment] {
    answers.enumerated().flatMap { index, answer in
      let word = ForcedSegment(" " + answer, due: Due(kind: "answer", block: index + 1))
      return index == 0 ? [word] : [ForcedSegment(","), word]
    } + (answers.isEmpty ? [] : [ForcedSegment(".")])
  }
}
