import KVPolicyKit

/// A text of a required number of words about a subject, scored by its length alone, as in
/// LongWriter's ruler.
public struct LengthTask: LongTask {
  /// `length`
  public let name = "length"

  /// The task.
  public init() {}

  /// The prompt has neither a question apart nor an answer prefix. LongWriter samples at
  /// temperature 0.5.
  public var fixedSwitches: [ProtocolSwitch: String] {
    [.question: "none", .answerPrefix: "absent"]
  }

  /// A sample that requires as many words as fit. The response may have twice as many tokens as
  /// the required words have, as in MorphKV's run of LongWriter.
  public func sample(
    _ number: Int, seed: Int, tokens: Int, count: @escaping TokenCount
  ) throws(LongTaskError) -> LongTaskSample {
    let request = try SampleRequest(name, number, seed: seed, tokens: tokens, count: count)
    var random = request.random(.facts)
    let subject =
      random.draw(from: WordLists.adjectives) + " " + random.draw(from: WordLists.nouns)
    let form = random.draw(from: ["story", "travel guide", "newspaper article", "speech", "letter"])
    return try request.largest(in: 1...max(1, tokens / 20)) { size in
      let words = 10 * size
      return LongTaskSample(
        context: "Write a \(form) of \(words) words about the \(subject).\n\n", question: "",
        answerPrefix: "", maxTokens: 2 * words, scoring: .length(words: words))
    }
  }
}
