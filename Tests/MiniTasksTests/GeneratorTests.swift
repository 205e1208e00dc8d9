import KVPolicyKit
import Testing

@testable import MiniTasks

@Suite("Documents of the task language")
struct GeneratorTests {
  @Test("have the asked length, and nothing wrong in the true response", arguments: 0..<200)
  func lengths(seed: Int) throws {
    let lengths = [96...96, 97...128, 128...384, 1024...1024, 4096...4096]
    for range in lengths {
      let mixture = try TaskMixture(lengths: range)
      let document = mixture.document(.training(UInt32(seed)))
      #expect(range.contains(document.tokens.count))
      #expect(document.response.last == TaskVocabulary.stop)
      #expect(document.score(document.response).isPerfect)
      #expect(!document.checks.isEmpty)
    }
  }

  @Test("to learn from are of the kinds asked for", arguments: TaskMixture.Kind.allCases)
  func kinds(kind: TaskMixture.Kind) throws {
    let mixture = try TaskMixture(lengths: kind.shortest...kind.shortest + 200, kinds: [kind])
    for seed in 0..<100 {
      let document = mixture.document(.training(UInt32(seed)))
      let asked = Set(document.checks.map { $0.kind })
      #expect(asked.contains(.completion) == [.list, .both, .dialogue].contains(kind))
      #expect(asked.contains(.again) == (kind == .dialogue))
      #expect(asked.isDisjoint(with: [.recall, .copy, .variables]) == (kind == .list))
      #expect(kind != .copy || asked == [.copy])
      #expect(document.score(document.response).isPerfect)
    }
    #expect(throws: TaskError.tooShort(tokens: kind.shortest - 1, needed: kind.shortest)) {
      try TaskMixture(lengths: kind.shortest - 1...500, kinds: [kind])
    }
    #expect(throws: TaskError.self) { try TaskMixture(lengths: 96...500, kinds: []) }
  }

  @Test("fill exactly the tokens of a recipe, down to the fewest")
  func exact() throws {
    var recipe = TaskRecipe(tokens: 0, list: .init(items: 9, once: 4, ranges: 3, periodic: 2))
    recipe.questions = .init(recall: 2, unasked: 3, variables: 1, longestChain: 1, copiedWords: 5)
    let needed = recipe.neededTokens
    for tokens in needed...needed + 12 {
      recipe.tokens = tokens
      let document = try TaskGenerator(recipe: recipe, seed: .heldOut(3)).document()
      #expect(document.tokens.count == tokens)
      #expect(document.checks.count { $0.kind == .once } == 4)
      #expect(document.checks.count { $0.kind == .recall } == 2)
      #expect(document.checks.count { $0.kind == .copy } == 6)
      #expect(document.checks.count { $0.kind == .variables } == 1)
    }
    recipe.tokens = needed - 1
    #expect(throws: TaskError.tooShort(tokens: needed - 1, needed: needed)) {
      try TaskGenerator(recipe: recipe, seed: .heldOut(3))
    }
  }

  @Test("depend on recipe and seed only")
  func seeds() throws {
    let recipe = TaskRecipe(tokens: 512, list: .init(items: 40, once: 12, ranges: 4, periodic: 2))
    let document = try TaskGenerator(recipe: recipe, seed: .heldOut(7)).document()
    #expect(try TaskGenerator(recipe: recipe, seed: .heldOut(7)).document() == document)
    #expect(try TaskGenerator(recipe: recipe, seed: .training(7)).document() != document)
    let hash = document.tokens.reduce(UInt64(0)) { SplitMix64.mix($0 &+ UInt64($1)) }
    #expect(hash == 1_146_995_514_115_824_479)
  }

  @Test("to learn from and to be tested with never start at the same state")
  func disjoint() {
    let starts = (0..<5_000).flatMap { number in
      [TaskSeed.training(UInt32(number)), .heldOut(UInt32(number))].map { seed in
        var random = seed.generator
        return random.next()
      }
    }
    #expect(Set(starts).count == starts.count)
  }

  @Test("meet every constraint that the prompt states, and no other", arguments: 0..<40)
  func constraints(seed: Int) throws {
    let list = TaskRecipe.List(items: 60, once: 20, ranges: 20, periodic: seed % 3)
    let recipe = TaskRecipe(tokens: 1000, list: list)
    let document = try TaskGenerator(recipe: recipe, seed: .training(UInt32(seed))).document()
    var expected: [Int: [String]] = [:]
    let lines = try TaskVocabulary.text(of: Array(document.prompt)).split(separator: "\n")
      .map { $0.split(separator: " ").map { String($0) } }
    let request = try #require(lines.first { $0[0] == "list" })
    let (first, last) = (try number(request[1]), try number(request[3]))
    for item in first...last {
      let (number, count) = (String(item), String(item - first + 1))
      expected[item] = [number, "plain", number, "bare", count, "still", count, "calm", number]
    }
    for line in lines {
      switch line[0] {
      case "at": expected[try number(line[1])]?[1] = line[2]
      case "from":
        for item in try number(line[1])..<number(line[4]) {
          #expect(expected[item]?[3] == "bare", "ranges must not overlap")
          expected[item]?[3] = line[2]
        }
      case "every":
        let place = TaskWords.sounds.contains(line[2]) ? 5 : 7
        let period = try number(line[1])
        for item in first...last {
          let count = (item - first) % period + 1
          expected[item]?[place - 1] = String(count)
          if count == period { expected[item]?[place] = line[2] }
        }
      default: break
      }
    }
    expected[last]?.append("done")
    let written = try TaskVocabulary.text(of: Array(document.response)).split(separator: "\n")
    #expect(
      written.map { String($0) } == (first...last).compactMap {
        expected[$0].map { $0.joined(separator: " ") + " " }
      }
        + ["stop "])
  }

  @Test("say where the line is that a check depends on")
  func sources() throws {
    var recipe = TaskRecipe(tokens: 900, list: .init(items: 50, once: 9, ranges: 5, periodic: 2))
    recipe.questions = .init(recall: 3, unasked: 4, variables: 3, copiedWords: 6)
    let document = try TaskGenerator(recipe: recipe, seed: .heldOut(1)).document()
    let opening: [TaskCheck.Kind: String] = [
      .once: "at", .range: "from", .periodic: "every", .completion: "list", .recall: "key",
      .copy: "copy", .variables: "set",
    ]
    #expect(Set(document.checks.map { $0.kind }) == Set(opening.keys))
    for check in document.checks {
      #expect(document.tokens[check.source] == opening[check.kind].map { TaskVocabulary.token($0) })
      #expect(document.tokens[document.promptLength + check.position] == check.expected[0])
      #expect(check.source < document.promptLength)
    }
  }

  @Test(
    "that the language cannot say are refused",
    arguments: [
      TaskRecipe(tokens: 9000, list: .init(items: 0)),
      TaskRecipe(tokens: 9000, list: .init(items: 257)),
      TaskRecipe(tokens: 9000, list: .init(items: 100, first: 158)),
      TaskRecipe(tokens: 9000, list: .init(items: 9, once: 10)),
      TaskRecipe(tokens: 9000, list: .init(items: 8, ranges: 3)),
      TaskRecipe(tokens: 9000, list: .init(items: 8, periodic: 3)),
      TaskRecipe(tokens: 9000, questions: .init(recall: 25)),
      TaskRecipe(tokens: 9000, questions: .init(recall: 20, unasked: 29)),
      TaskRecipe(tokens: 9000, questions: .init(unasked: -1)),
      TaskRecipe(tokens: 9000, questions: .init(variables: 1, longestChain: 4)),
      TaskRecipe(tokens: 9000, questions: .init(copiedWords: 25)),
    ])
  func refused(recipe: TaskRecipe) {
    #expect(throws: TaskError.self) { try TaskGenerator(recipe: recipe, seed: .training(0)) }
  }

  private func number(_ word: String) throws -> Int { try #require(Int(word)) }
}
