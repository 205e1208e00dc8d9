import Testing

@testable import MiniTasks

@Suite("Scores of responses")
struct CheckerTests {
  private let document: TaskDocument
  /// The kinds of check of a document with a single turn.
  private static let kinds = TaskCheck.Kind.allCases.filter { $0 != .again }

  init() throws {
    var recipe = TaskRecipe(
      tokens: 800, list: .init(items: 40, first: 11, once: 10, ranges: 5, periodic: 2))
    recipe.questions = .init(recall: 4, unasked: 2, variables: 3, copiedWords: 8)
    document = try TaskGenerator(recipe: recipe, seed: .heldOut(5)).document()
  }

  /// The misses of each kind after a change of the true response.
  private func misses(_ change: (inout [Int]) throws -> Void) rethrows -> [TaskCheck.Kind: Int] {
    var response = Array(document.response)
    try change(&response)
    let missed = document.score(response).outcomes.filter { !$0.isHit }
    return missed.reduce(into: [:]) { $0[$1.check.kind, default: 0] += 1 }
  }

  private func check(_ kind: TaskCheck.Kind, _ number: Int = 0) throws -> TaskCheck {
    let checks = document.checks.filter { $0.kind == kind }
    return try #require(checks.dropFirst(number).first)
  }

  /// The index of an item's number in the response.
  private func start(ofItem item: Int) throws -> Int {
    try #require(document.response.firstIndex(of: TaskVocabulary.number(item)))
  }

  @Test("the true response loses nothing")
  func truth() {
    let score = document.score(document.response)
    #expect(score.isPerfect && score.items == 40 && score.itemsWritten == 40)
    #expect(CheckerTests.kinds.allSatisfy { score.accuracy($0) == 1 })
  }

  @Test("a wrong word costs one check of its kind", arguments: kinds)
  func wrongWord(kind: TaskCheck.Kind) throws {
    let check = try check(kind)
    #expect(misses { $0[check.position] = TaskVocabulary.filler[0] } == [kind: 1])
  }

  @Test("the word of rest is a miss where a constraint holds")
  func forgotten() throws {
    let (once, periodic) = (try check(.once, 3), try check(.periodic, 2))
    #expect(
      try misses {
        $0[once.position] = try #require(TaskLayout.rest[1])
        $0[periodic.position] = try #require(TaskLayout.rest[periodic.place])
      } == [.once: 1, .periodic: 1])
  }

  @Test("a range that goes on too long loses the check of its end")
  func rangeGoesOn() throws {
    let bare = TaskLayout.rest[TaskLayout.range]
    let end = try #require(
      document.checks.first { $0.kind == .range && $0.expected.first == bare })
    #expect(misses { $0[end.position] = TaskVocabulary.colors[0] } == [.range: 1])
  }

  @Test("a constraint's word where none holds is counted, but is no miss")
  func unaskedWord() throws {
    let free = try #require(
      (11...50).first { item in !document.checks.contains { $0.item == item && $0.place == 1 } })
    var response = Array(document.response)
    response[try start(ofItem: free) + 1] = TaskVocabulary.things[0]
    let score = document.score(response)
    #expect(score.unaskedWords == 1 && !score.isPerfect)
    #expect(score.outcomes.allSatisfy { $0.isHit })
  }

  @Test("an item left out costs its own checks and the completion, nothing after it")
  func itemLeftOut() throws {
    let item = try check(.once, 4).item
    let start = try start(ofItem: item)
    var response = Array(document.response)
    response.removeSubrange(start..<start + TaskLayout.itemLength)
    let score = document.score(response)
    #expect(score.itemsWritten == 39)
    for outcome in score.outcomes {
      let isOfList = [.once, .range, .periodic].contains(outcome.check.kind)
      let isOfItem = isOfList && outcome.check.item == item
      #expect(outcome.isPresent == !isOfItem)
      #expect(outcome.isHit == !(isOfItem || outcome.check.kind == .completion))
    }
  }

  @Test("a response that stops early loses everything after")
  func early() throws {
    let cut = try start(ofItem: 30)
    let score = document.score(document.response.prefix(cut) + [TaskVocabulary.stop])
    #expect(score.itemsWritten == 19)
    #expect(score.outcomes.allSatisfy { $0.isHit == ($0.check.position < cut) })
  }

  @Test("what follows the end counts for nothing")
  func afterTheEnd() {
    let score = document.score(
      [TaskVocabulary.stop] + document.response)
    #expect(score.outcomes.allSatisfy { !$0.isHit && !$0.isPresent })
  }

  @Test("a list that goes on, repeats or swaps items is not complete")
  func incomplete() throws {
    let length = TaskLayout.itemLength
    let (start, done) = (try start(ofItem: 30), try check(.completion).position)
    #expect(
      misses { $0.insert(contentsOf: [TaskVocabulary.number(51), 0], at: done + 2) }
        == [.completion: 1])
    #expect(
      misses { $0.insert(contentsOf: $0[start..<start + length], at: start) } == [.completion: 1])
    #expect(
      misses {
        let item = Array($0[start..<start + length])
        $0.removeSubrange(start..<start + length)
        $0.insert(contentsOf: item, at: start + length)
      } == [.completion: 1])
    #expect(misses { $0.remove(at: done) } == [.completion: 1])
    #expect(misses { $0.insert($0[done], at: start + length - 1) } == [.completion: 1])
  }

  @Test("an answer that goes on is wrong; a copy loses the words that moved")
  func answers() throws {
    let (recall, variables) = (try check(.recall), try check(.variables, 1))
    #expect(
      misses { $0.insert(TaskVocabulary.things[0], at: recall.position + 1) } == [.recall: 1])
    let end = variables.position + variables.expected.count
    #expect(misses { $0.insert(TaskVocabulary.number(3), at: end) } == [.variables: 1])
    let third = try check(.copy, 2)
    // Words 3 to 8 and the end are one index too early; the words before them are unchanged.
    #expect(misses { $0.remove(at: third.position) } == [.copy: 7])
  }

  @Test("the example of the documentation runs")
  func example() throws {
    let written = [TaskVocabulary.stop]
    let recipe = TaskRecipe(tokens: 1500, list: .init(items: 80, once: 20, ranges: 8, periodic: 2))
    let document = try TaskGenerator(recipe: recipe, seed: .heldOut(0)).document()
    let score = document.score(written)
    #expect(score.accuracy(.once) == 0 && score.items == 80)
  }

  @Test("any tokens can be scored")
  func arbitrary() {
    #expect(document.score([]).itemsWritten == 0)
    #expect(document.score([0, 0, -5, 600, 0, 46, 0]).outcomes.allSatisfy { !$0.isHit })
    #expect(document.score(repeatElement(TaskVocabulary.number(12), count: 99)).itemsWritten == 1)
  }
}
