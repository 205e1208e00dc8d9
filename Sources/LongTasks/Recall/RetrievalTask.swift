import KVPolicyKit

/// RULER-style retrieval: values of keys, hidden in a text, are asked for.
public struct RetrievalTask: LongTask {
  /// The text around the hidden sentences.
  public enum Surroundings: String, Sendable {
    /// A line of filler, repeated.
    case noise
    /// Sentences of an essay.
    case essay
    /// Lines like the hidden one, with other keys.
    case needles
  }

  /// The kinds of keys and values.
  public enum Item: String, Sendable {
    /// An adjective and a noun.
    case word
    /// A number of seven digits.
    case number
    /// A random identifier of 32 hexadecimal digits (UUID, version 4).
    case identifier
  }

  /// The name.
  public let name: String
  let surroundings: Surroundings
  let key: Item
  let value: Item
  let keys: Int
  let values: Int
  let queries: Int

  /// A task of `keys` keys with `values` values each, of which `queries` keys are asked for. There
  /// are at least as many keys as queries.
  ///
  /// - Throws: `LongTaskError.request` for fewer than 1 of anything, or for an essay with more than
  ///   40 hidden sentences, because an essay has 40 places.
  public init(
    name: String, surroundings: Surroundings, key: Item = .word, value: Item = .number,
    keys: Int = 1, values: Int = 1, queries: Int = 1
  ) throws(LongTaskError) {
    guard min(keys, values, queries) >= 1, max(keys, values, queries) <= 1000,
      surroundings != .essay || max(keys, queries) * values <= Haystack.depths.count
    else {
      throw .request(
        "a retrieval task has 1...1000 keys, values and queries, and an essay hides at most "
          + "\(Haystack.depths.count) sentences")
    }
    self.init(name, surroundings, key, value, keys: keys, values: values, queries: queries)
  }

  private init(
    _ name: String, _ surroundings: Surroundings, _ key: Item = .word, _ value: Item = .number,
    keys: Int = 1, values: Int = 1, queries: Int = 1
  ) {
    (self.name, self.surroundings, self.key, self.value) = (name, surroundings, key, value)
    (self.keys, self.values, self.queries) = (max(keys, queries), values, queries)
  }

  /// RULER's eight tasks.
  public static let all: [any LongTask] = [
    RetrievalTask("single-1", .noise),
    RetrievalTask("single-2", .essay),
    RetrievalTask("single-3", .essay, .word, .identifier),
    RetrievalTask("multikey-1", .essay, keys: 4),
    RetrievalTask("multikey-2", .needles),
    RetrievalTask("multikey-3", .needles, .identifier, .identifier),
    RetrievalTask("multivalue", .essay, values: 4),
    RetrievalTask("multiquery", .essay, keys: 4, queries: 4),
  ]

  /// Greedy, with an answer prefix.
  public var fixedSwitches: [ProtocolSwitch: String] { .matched }

  /// A sample whose surroundings are as long as fits.
  public func sample(
    _ number: Int, seed: Int, tokens: Int, count: @escaping TokenCount
  ) throws(LongTaskError) -> LongTaskSample {
    let request = try SampleRequest(name, number, seed: seed, tokens: tokens, count: count)
    var drawer = ItemDrawer(request.random(.facts))
    let keys = (0..<self.keys).map { _ in drawer.next(key) }
    let facts = keys.map { key in (key: key, values: (0..<values).map { _ in drawer.next(value) }) }
    var hidden = facts.flatMap { fact in fact.values.map { sentence(fact.key, $0) } }
    drawer.random.shuffle(&hidden)
    let asked = drawer.random.sample(queries, from: facts)
    let answers = asked.flatMap(\.values)
    let forced = ForcedSegment.answers(answers)
    let limit = request.answerTokens(128, for: forced)
    let wording = Wording(value: value, keys: asked.map(\.key), isSingle: queries * values == 1)
    return try request.largest(in: hidden.count...max(tokens, hidden.count)) { size in
      let haystack = haystack(size, hiding: hidden, besides: drawer, request)
      return LongTaskSample(
        context: wording.introduction + haystack.text, question: wording.question,
        answerPrefix: wording.answerPrefix, maxTokens: limit, references: answers,
        forced: forced, depth: hidden.count == 1 ? haystack.depths.first : nil,
        scoring: .answer(.matchAll, .init()))
    }
  }

  private func sentence(_ key: String, _ value: String) -> String {
    "One of the secret \(self.value.plural) of \(key) is \(value)."
  }

  private func haystack(
    _ size: Int, hiding hidden: [String], besides drawer: ItemDrawer, _ request: SampleRequest
  ) -> Haystack {
    var places = request.random(.places)
    switch surroundings {
    case .essay:
      return .essay(size, hiding: hidden, filler: request.random(.filler), places: &places)
    case .noise:
      return .lines(
        Array(repeating: Noise.line, count: size), hiding: hidden, places: &places)
    case .needles:
      // A copy of the drawer: its keys differ from the asked ones, and are the same for every size.
      var drawer = drawer
      let lines = (0..<size).map { _ in sentence(drawer.next(key), drawer.next(value)) }
      return .lines(lines, hiding: hidden, places: &places)
    }
  }
}

extension RetrievalTask.Item {
  fileprivate var singular: String {
    switch self {
    case .word: "word"
    case .number: "number"
    case .identifier: "identifier"
    }
  }

  fileprivate var plural: String { singular + "s" }
}

/// The sentences around the hidden ones. One asked value is asked for in the singular.
private struct Wording {
  let value: RetrievalTask.Item
  let keys: [String]
  let isSingle: Bool

  var introduction: String {
    isSingle
      ? "The text below tells a secret \(value.singular). Remember it: a question about it "
        + "follows.\n\n"
      : "The text below tells secret \(value.plural). Remember them: a question about them "
        + "follows.\n\n"
  }

  var question: String {
    isSingle
      ? "\n\nWhat is the secret \(value.singular) of \(list) in the text?"
      : "\n\nWhat are all the secret \(value.plural) of \(list) in the text?"
  }

  var answerPrefix: String {
    isSingle
      ? " In the text, the secret \(value.singular) of \(list) is"
      : " In the text, the secret \(value.plural) of \(list) are"
  }

  /// The keys with commas, and a final "and".
  private var list: String {
    keys.count == 1
      ? keys[0] : keys.dropLast().joined(separator: ", ") + ", and " + (keys.last ?? "")
  }
}

/// Draws keys and values, none of them twice.
private struct ItemDrawer {
  var random: SplitMix64
  private var seen: Set<String> = []

  init(_ random: SplitMix64) { self.random = random }

  mutating func next(_ item: RetrievalTask.Item) -> String {
    var drawn = draw(item)
    var attempts = 1
    while !seen.insert(drawn).inserted {
      // There are fewer pairs of words than lines in the longest texts: then a number is added.
      drawn = draw(item) + (attempts < 8 ? "" : "-\(random.draw(2...999_999))")
      attempts += 1
    }
    return drawn
  }

  private mutating func draw(_ item: RetrievalTask.Item) -> String {
    switch item {
    case .word:
      return random.draw(from: WordLists.adjectives) + "-" + random.draw(from: WordLists.nouns)
    case .number: return "\(random.draw(1_000_000...9_999_999))"
    case .identifier:
      // Bits 12–15 of the first half are the version, the first two of the second half the variant.
      let first = random.next() & ~0xF000 | 0x4000
      let second = random.next() & ~(3 << 62) | 2 << 62
      let digits = hexadecimal(first) + hexadecimal(second)
      let ends = [0, 8, 12, 16, 20, 32]
      return zip(ends, ends.dropFirst()).map { digits.dropFirst($0).prefix($1 - $0) }
        .joined(separator: "-")
    }
  }

  private func hexadecimal(_ bits: UInt64) -> String {
    let digits = String(bits, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
