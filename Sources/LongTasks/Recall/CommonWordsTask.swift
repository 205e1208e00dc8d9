import KVPolicyKit

/// RULER-style common words: a numbered list repeats ten words often and the other words seldom;
/// which are the ten? A solved example precedes the list.
///
/// From 4,096 tokens on, the ten words occur 30 times and the other words 3 times; below, 6 times
/// and once. The words are single words as long as there are enough, and then pairs of words.
public struct CommonWordsTask: LongTask {
  /// `common-words`
  public let name = "common-words"

  /// The task.
  public init() {}

  /// Greedy, with an answer prefix.
  public var fixedSwitches: [ProtocolSwitch: String] { .matched }

  /// A sample with as many different words as fit.
  public func sample(
    _ number: Int, seed: Int, tokens: Int, count: @escaping TokenCount
  ) throws(LongTaskError) -> LongTaskSample {
    let request = try SampleRequest(name, number, seed: seed, tokens: tokens, count: count)
    let isLong = tokens >= 4096
    let (often, seldom) = isLong ? (30, 3) : (6, 1)
    let example = CommonWords(
      isLong ? 40 : 20, often: isLong ? 10 : 3, seldom: isLong ? 3 : 1,
      using: request.random(.demonstration))
    let introduction =
      example.context + CommonWords.question + CommonWords.answerPrefix
      + ForcedSegment.answers(example.common).map(\.text).joined() + "\n\n"
    let smallest = CommonWords(11, often: often, seldom: seldom, using: request.random(.facts))
    let forced = ForcedSegment.answers(smallest.common)
    let limit = request.answerTokens(120, for: forced)
    return try request.largest(in: 11...max(tokens, 11)) { size in
      let list = CommonWords(size, often: often, seldom: seldom, using: request.random(.facts))
      return LongTaskSample(
        context: introduction + list.context, question: CommonWords.question,
        answerPrefix: CommonWords.answerPrefix, maxTokens: limit, references: list.common,
        forced: forced, scoring: .answer(.matchAll, .init()))
    }
  }
}

/// A numbered list of repeated words.
private struct CommonWords {
  /// The ten words that occur often. They do not depend on the number of words.
  let common: [String]
  let context: String

  static let question = "\n\nWhich 10 words occur most often in the list above?"
  static let answerPrefix = " The 10 words that occur most often are"

  init(_ words: Int, often: Int, seldom: Int, using random: SplitMix64) {
    var random = random
    var drawn = WordLists.singles
    random.shuffle(&drawn)
    common = Array(drawn.prefix(10))
    var seen = Set<String>()
    while drawn.count < words {
      let pair =
        random.draw(from: WordLists.adjectives) + "-" + random.draw(from: WordLists.nouns)
        + (seen.count < 10_000 ? "" : "-\(seen.count)")
      if seen.insert(pair).inserted { drawn.append(pair) }
    }
    var list = common.flatMap { Array(repeating: $0, count: often) }
    for word in drawn[10..<words] { list += Array(repeating: word, count: seldom) }
    random.shuffle(&list)
    let lines = list.enumerated().map { "\($0 + 1). \($1)" }
    context =
      "Some words of the numbered list below occur more often than the others. Remember them.\n\n"
      + lines.joined(separator: " ")
  }
}
