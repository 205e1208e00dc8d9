import KVPolicyKit

/// A needle in a haystack (Kamradt): one sentence hidden in an essay at a given depth.
///
/// The needle goes to the depth in tokens of the essay, and from there back to the end of the
/// sentence before. A depth of 100 puts it at the end.
public struct NeedleTask: LongTask {
  /// `needle`, or `needle@` and the depth if there is only one.
  public let name: String
  /// The depths in percent; sample i uses depth i modulo their number.
  public let depths: [Double]

  /// Eleven depths from 0 to 100 at equal distances.
  public init() { (name, depths) = ("needle", DepthGrid.linear(11)) }

  /// Needles at these depths.
  ///
  /// - Throws: `LongTaskError.request` without depths, or for a depth outside 0...100.
  public init(depths: [Double]) throws(LongTaskError) {
    guard !depths.isEmpty, depths.allSatisfy((0...100).contains) else {
      throw .request("a needle's depth is a number in 0...100, and there is at least one depth")
    }
    self.depths = depths
    name = depths.count == 1 ? "needle@\(JSONValue.number(depths[0]).text)" : "needle"
  }

  /// Greedy, with an answer prefix.
  public var fixedSwitches: [ProtocolSwitch: String] { .matched }

  /// A sample whose essay is as long as fits.
  public func sample(
    _ number: Int, seed: Int, tokens: Int, count: @escaping TokenCount
  ) throws(LongTaskError) -> LongTaskSample {
    let request = try SampleRequest(name, number, seed: seed, tokens: tokens, count: count)
    let depth = depths[number % depths.count]
    var random = request.random(.facts)
    let needle = Needle(using: &random)
    let filler = request.random(.filler)
    let limit = request.answerTokens(32, for: needle.answer)
    return try request.largest(in: 1...tokens) { size in
      var essay = Essay(filler)
      let sentences = essay.sentences(size)
      let index = NeedleTask.index(of: depth, in: sentences, count: request.count)
      let haystack = Haystack(
        sentences, hiding: [needle.sentence], at: [index], separator: " ")
      return LongTaskSample(
        context: "Read the text below. A question about it follows.\n\n" + haystack.text,
        question: "\n\nWhat does the keeper of \(needle.town) keep, and where?",
        answerPrefix: " The keeper of \(needle.town) keeps", maxTokens: limit,
        references: ["the \(needle.thing) in the \(needle.place)."], forced: needle.answer,
        depth: haystack.depths.first, scoring: .needle(facts: [needle.thing, needle.place]))
    }
  }

  /// The number of sentences before a needle at a depth: the sentences whose tokens end at or
  /// before the depth. Takes O(log n) counts.
  static func index(of depth: Double, in sentences: [String], count: TokenCount) -> Int {
    guard depth < 100 else { return sentences.count }
    func tokens(_ number: Int) -> Int { count(sentences[..<number].joined(separator: " ")) }
    let target = Int(Double(tokens(sentences.count)) * depth / 100)
    var (fitting, failing) = (0, sentences.count + 1)
    while failing - fitting > 1 {
      let middle = (fitting + failing) / 2
      if tokens(middle) <= target { fitting = middle } else { failing = middle }
    }
    return fitting
  }

  /// ROUGE-1 of the first sentence against the needle's end, and the share of the facts.
  static func score(_ response: String, needle: [String], facts: [String]) -> SampleScore {
    let sentence = response.prefix { $0 != "." }
    let overlap = needle.map { Overlap.rouge1(String(sentence), $0) }.max() ?? 0
    let hits = StringMatch.share(of: facts, in: response)
    return SampleScore(value: overlap, measures: ["facts": hits])
  }
}

/// The hidden sentence.
private struct Needle {
  let town, thing, place: String

  init(using random: inout SplitMix64) {
    town = random.draw(from: WordLists.towns)
    thing =
      random.draw(from: WordLists.adjectives) + " " + random.draw(from: WordLists.codes)
    place =
      random.draw(from: WordLists.adjectives) + " "
      + random.draw(from: ["cellar", "attic", "barn", "chapel", "tower", "mill", "kitchen"])
  }

  var sentence: String { "The keeper of \(town) keeps the \(thing) in the \(place)." }

  /// The end of the sentence, which the model continues.
  var answer: [ForcedSegment] {
    [
      ForcedSegment(" the"), ForcedSegment(" " + thing, due: .init(kind: "answer", block: 1)),
      ForcedSegment(" in the"), ForcedSegment(" " + place, due: .init(kind: "answer", block: 2)),
      ForcedSegment("."),
    ]
  }
}
