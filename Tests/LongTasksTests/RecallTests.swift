import KVPolicyKit
import Testing

@testable import LongTasks

@Suite("Generated tasks")
struct GeneratedTaskTests {
  static let all = GeneratedTasks.all.map(\.name)

  @Test("fit any number of tokens and nearly fill it, with any tokenizer", arguments: all)
  func sizes(name: String) throws {
    let task = try GeneratedTasks.named(name)
    for count in [Tokens.words, Tokens.bytes, Tokens.quarters] {
      for tokens in [9001, 20_000] {
        let sample = try task.sample(3, seed: 1, tokens: tokens, count: count)
        let needed = count(sample.prompt) + sample.maxTokens
        #expect(needed <= tokens)
        let isFull = needed > tokens * 9 / 10
        // A response of the greatest number of blocks can end before the tokens do.
        #expect(isFull || ResponseScenario(rawValue: name) != nil, "\(needed) of \(tokens)")
        #expect(count(sample.trueResponse) <= sample.maxTokens)
      }
    }
  }

  @Test("are equal for equal numbers and seeds, and otherwise differ", arguments: all)
  func seeds(name: String) throws {
    let task = try GeneratedTasks.named(name)
    func sample(_ number: Int, _ seed: Int) throws -> LongTaskSample {
      try task.sample(number, seed: seed, tokens: 5000, count: Tokens.quarters)
    }
    #expect(try sample(2, 7) == sample(2, 7))
    #expect(try sample(2, 7).prompt != sample(3, 7).prompt)
    #expect(try sample(2, 7).prompt != sample(2, 8).prompt)
    #expect(try sample(0, -1).prompt != sample(0, 1).prompt)
  }

  @Test("give the true response the full score", arguments: all)
  func truth(name: String) throws {
    let task = try GeneratedTasks.named(name)
    for number in 0..<12 {
      let sample = try task.sample(number, seed: 5, tokens: 4096, count: Tokens.quarters)
      guard name != "length" else {
        #expect(sample.forced.isEmpty && sample.score("").value == 0)
        continue
      }
      let score = sample.score(sample.trueResponse)
      #expect(abs(score.value - 1) < 1e-12)
      #expect(sample.score("").value == 0)
      #expect(score.measures["facts"] ?? 1 == 1)
      #expect(score.measures["completion"] ?? 1 == 1)
      #expect(score.measures["misplaced"] ?? 0 == 0)
      let due = sample.forced.filter { $0.due != nil }
      #expect(!due.isEmpty && due.allSatisfy { $0.text.hasPrefix(" ") })
      #expect(!sample.context.isEmpty && !sample.question.isEmpty && !sample.answerPrefix.isEmpty)
    }
  }

  @Test("hold the answers in the context, and only there", arguments: all)
  func evidence(name: String) throws {
    let task = try GeneratedTasks.named(name)
    let sample = try task.sample(4, seed: 2, tokens: 5000, count: Tokens.quarters)
    for segment in sample.forced where segment.due != nil {
      #expect(sample.context.contains(segment.text.dropFirst()))
      #expect(!sample.question.contains(segment.text.dropFirst()))
    }
  }

  @Test("say how many tokens the smallest sample needs", arguments: all)
  func tooShort(name: String) throws {
    let task = try GeneratedTasks.named(name)
    let error = #expect(throws: LongTaskError.self) {
      try task.sample(0, seed: 0, tokens: 10, count: Tokens.quarters)
    }
    guard case .tooShort(let named, 10, let needed) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(named == name && needed > 10)
  }

  @Test("refuse numbers that are not legal", arguments: all)
  func illegal(name: String) throws {
    let task = try GeneratedTasks.named(name)
    for (number, tokens) in [(-1, 4096), (0, 0), (0, -5), (0, Int.max), (0, Int.min)] {
      let error = #expect(throws: LongTaskError.self) {
        try task.sample(number, seed: 0, tokens: tokens, count: Tokens.quarters)
      }
      guard case .request = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
    // Counts that make no sense end too.
    _ = try task.sample(Int.max, seed: Int.min, tokens: 600) { _ in 0 }
    #expect(throws: LongTaskError.self) {
      try task.sample(0, seed: 0, tokens: 600) { _ in Int.max }
    }
  }

  @Test("have names of their own, and an unknown name lists them")
  func names() {
    #expect(Set(Self.all).count == Self.all.count)
    let error = #expect(throws: LongTaskError.self) { try GeneratedTasks.named("needel") }
    #expect(error?.description.contains("multikey-3") == true)
  }
}

@Suite("Recall")
struct RecallTests {
  @Test("depth grids")
  func grids() {
    #expect(DepthGrid.linear(11) == stride(from: 0.0, through: 100, by: 10).map { $0 })
    #expect(
      DepthGrid.logistic(11) == [
        0, 1.799, 4.743, 11.92, 26.894, 50, 73.106, 88.08, 95.257, 98.201, 100,
      ])
    #expect(DepthGrid.linear(1) == [50] && DepthGrid.linear(0) == [])
    #expect(
      Haystack.depths == [
        0, 3, 5, 8, 10, 13, 15, 18, 21, 23, 26, 28, 31, 33, 36, 38, 41, 44, 46, 49, 51, 54, 56, 59,
        62, 64, 67, 69, 72, 74, 77, 79, 82, 85, 87, 90, 92, 95, 97, 100,
      ])
  }

  @Test("a needle walks back to the end of a sentence")
  func walk() {
    // With a token a byte: sentences end after 5, 11 and 17 tokens.
    let sentences = ["aaaa.", "bbbb.", "cccc."]
    func index(_ depth: Double) -> Int {
      NeedleTask.index(of: depth, in: sentences, count: Tokens.bytes)
    }
    // 29 % of 17 tokens are 4: back to the start. 30 % are 5: after the first sentence.
    #expect([0, 29, 30, 64, 65, 99.9, 100].map(index) == [0, 0, 1, 1, 2, 2, 3])
  }

  @Test("needles are where the depth says", arguments: [0.0, 25, 50, 90, 100])
  func depth(depth: Double) throws {
    let task = try NeedleTask(depths: [depth])
    let sample = try task.sample(0, seed: 0, tokens: 8000, count: Tokens.quarters)
    let found = try #require(sample.depth)
    #expect(abs(found - depth) < 1)
    #expect(depth > 0 || found == 0)
  }

  @Test("depths that are not legal are refused")
  func depths() {
    for depths in [[], [-1], [101], [.nan], [.infinity]] as [[Double]] {
      #expect(throws: LongTaskError.self) { try NeedleTask(depths: depths) }
    }
  }

  @Test("a part of a needle scores a part")
  func partial() {
    let score = NeedleTask.score(
      " the old lamp. More.", needle: ["the old lamp in the dark barn."],
      facts: ["old lamp", "dark barn"])
    // Three of three written and of seven expected words: 2 · 1 · (3/7) / (10/7).
    #expect(abs(score.value - 0.6) < 1e-12)
    #expect(score.measures == ["facts": 0.5])
  }

  @Test(
    "retrieval hides as many values as the table says",
    arguments: [
      ("single-1", 1, 1), ("single-2", 1, 1), ("single-3", 1, 1), ("multikey-1", 4, 1),
      ("multivalue", 4, 4), ("multiquery", 4, 4),
    ])
  func retrieval(name: String, hidden: Int, answers: Int) throws {
    let sample = try GeneratedTasks.named(name).sample(
      1, seed: 1, tokens: 4096, count: Tokens.quarters)
    #expect(sample.context.components("One of the secret ").count - 1 == hidden)
    #expect(sample.references.count == answers)
    #expect(sample.question.contains(answers == 1 ? "What is the" : "What are all"))
  }

  @Test("distractors have the form of the needle, and other keys")
  func distractors() throws {
    let sample = try GeneratedTasks.named("multikey-3")
      .sample(1, seed: 1, tokens: 4096, count: Tokens.quarters)
    let lines = sample.context.split(separator: "\n").filter { $0.hasPrefix("One of the secret") }
    #expect(lines.count > 50)
    #expect(Set(lines).count == lines.count)
    let answer = try #require(sample.references.first)
    #expect(lines.count { $0.contains(answer) } == 1)
    let identifier = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/
    #expect(answer.wholeMatch(of: identifier) != nil)
  }

  @Test("variables are assigned in order")
  func variables() throws {
    let task = try VariableTrackingTask(chains: 2, hops: 3)
    #expect(task.name == "variables-2x3")
    let sample = try task.sample(0, seed: 0, tokens: 4096, count: Tokens.quarters)
    #expect(sample.references.count == 4)
    let lines = sample.context.split(separator: "\n").filter { $0.hasPrefix("Variable ") }
    // Both the example and the text have two chains of four.
    #expect(lines.count == 16)
    let places = sample.references.compactMap { name in
      lines.firstIndex { $0.hasPrefix("Variable \(name) is") }
    }
    #expect(places.count == 4 && places == places.sorted())
    #expect(throws: LongTaskError.self) { try VariableTrackingTask(chains: 0, hops: 4) }
    #expect(throws: LongTaskError.self) { try VariableTrackingTask(chains: 1, hops: 101) }
  }

  @Test("common words occur as often as the rule says", arguments: [2000, 4096, 40_000])
  func commonWords(tokens: Int) throws {
    let sample = try CommonWordsTask().sample(0, seed: 3, tokens: tokens, count: Tokens.quarters)
    let list = try #require(sample.context.components("\n\n").last)
    let words = list.split(separator: " ").filter { !$0.hasSuffix(".") }.map(String.init)
    let counts = Dictionary(words.map { ($0, 1) }, uniquingKeysWith: +)
    let (often, seldom) = tokens >= 4096 ? (30, 3) : (6, 1)
    #expect(Set(counts.values) == [often, seldom])
    #expect(Set(counts.filter { $0.value == often }.keys) == Set(sample.references))
    #expect(sample.references.count == 10)
  }

  @Test("occurrences of frequent words")
  func occurrences() {
    func counts(_ size: Int, _ ranks: Int) -> [Int] {
      (1...ranks).map { FrequentWordsTask.occurrences(ofRank: $0, size: size) }
    }
    #expect(counts(500, 8) == [303, 75, 33, 18, 12, 8, 6, 4])
    #expect(counts(1000, 5) == [607, 151, 67, 37, 24])
    for size in 73...3000 {
      let ranks = counts(size, 5)
      #expect(ranks[3] > ranks[4])
    }
  }

  @Test("the answer of frequent words is the words of ranks 2 to 4")
  func frequentWords() throws {
    let sample = try FrequentWordsTask().sample(0, seed: 0, tokens: 3000, count: Tokens.quarters)
    let text = try #require(sample.context.components("\n\n").last)
    let counts = Dictionary(text.split(separator: " ").map { ($0, 1) }, uniquingKeysWith: +)
    let ranked = counts.sorted { $0.value > $1.value }.map { String($0.key) }
    #expect(ranked.first == "...")
    #expect(Array(ranked[1...3]) == sample.references)
  }

  @Test("word lists have no word twice, and code words are nowhere else")
  func lists() {
    let lists = [WordLists.nouns, WordLists.adjectives, WordLists.verbs, WordLists.codes]
    for list in lists + [WordLists.towns] { #expect(Set(list).count == list.count) }
    #expect(Set(WordLists.codes).isDisjoint(with: WordLists.singles))
    #expect(WordLists.nouns.count >= 300 && WordLists.adjectives.count >= 200)
    var essay = Essay(.init(seed: 1))
    let filler = Set(Words.runs(in: essay.words(20_000)).map { $0.lowercased() })
    #expect(filler.isDisjoint(with: WordLists.codes))
  }

  @Test("samples stay as they are")
  func bytes() throws {
    var hash: UInt64 = 0
    for task in GeneratedTasks.all {
      let sample = try task.sample(1, seed: 2, tokens: 4096, count: Tokens.quarters)
      for byte in (sample.prompt + sample.trueResponse).utf8 {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
      }
    }
    #expect(hash == 7_129_597_988_145_813_427)
  }
}

extension String {
  /// The parts between separators.
  func components(_ separator: String) -> [Substring] {
    split(separator: separator, omittingEmptySubsequences: false)
  }
}
