import KVPolicyKit

/// RULER-style frequent words: a text of made-up words, the k-th of which occurs in proportion to
/// 1/k²; which are the second, third and fourth? Dots take the place of the first.
public struct FrequentWordsTask: LongTask {
  /// `frequent-words`
  public let name = "frequent-words"

  /// The task.
  public init() {}

  /// Greedy, with an answer prefix.
  public var fixedSwitches: [ProtocolSwitch: String] { .matched }

  /// The number of times that the word of a rank, from 1, occurs in about `size` words: the integer
  /// part of `size · rank⁻² / ζ(2)`.
  public static func occurrences(ofRank rank: Int, size: Int) -> Int {
    Int(Double(size) / (Double(rank) * Double(rank)) * 6 / (Double.pi * Double.pi))
  }

  /// A sample with as many words as fit.
  public func sample(
    _ number: Int, seed: Int, tokens: Int, count: @escaping TokenCount
  ) throws(LongTaskError) -> LongTaskSample {
    let request = try SampleRequest(name, number, seed: seed, tokens: tokens, count: count)
    var random = request.random(.facts)
    var seen: Set<String> = []
    while seen.count < max(10, tokens / 50) { _ = seen.insert(FrequentWordsTask.word(&random)) }
    var words = seen.sorted()
    random.shuffle(&words)
    words[0] = "..."
    let answers = Array(words[1...3])
    let forced = ForcedSegment.answers(answers)
    let limit = request.answerTokens(50, for: forced)
    let order = random
    // From 73 words on, the fourth word occurs more often than the fifth.
    return try request.largest(in: 100...max(tokens, 100)) { size in
      var text: [String] = []
      for (index, word) in words.enumerated() {
        let times = FrequentWordsTask.occurrences(ofRank: index + 1, size: size)
        text += Array(repeating: word, count: times)
      }
      var order = order
      order.shuffle(&text)
      return LongTaskSample(
        context: "Count the words of the coded text below. The dots are noise: ignore them.\n\n"
          + text.joined(separator: " "),
        question: "\n\nWhich three words occur most often in the coded text above?",
        answerPrefix: " The three words that occur most often are", maxTokens: limit,
        references: answers, forced: forced, scoring: .answer(.matchAll, .init()))
    }
  }

  /// Six random letters.
  private static func word(_ random: inout SplitMix64) -> String {
    String(decoding: (0..<6).map { _ in UInt8(random.draw(97...122)) }, as: UTF8.self)
  }
}
