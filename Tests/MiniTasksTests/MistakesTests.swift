import Testing

@testable import MiniTasks

@Suite("Mistakes in responses")
struct MistakesTests {
  private let document: TaskDocument
  private var truth: [Int] { Array(document.response) }

  init() throws {
    document = try TaskMixture(lengths: 300...300, kinds: [.both]).document(.heldOut(3))
  }

  @Test("the true response has none, whatever follows it is one")
  func truthful() {
    #expect(document.mistakes(in: truth) == [])
    #expect(document.mistakes(in: truth + [7]) == [truth.count])
    #expect(document.mistakes(in: []) == [])
  }

  @Test("a word that is not the line's is one, also a token that is no word")
  func words() {
    for token in [TaskVocabulary.filler[0], TaskVocabulary.count + 88] {
      var written = truth
      written[3] = token
      #expect(document.mistakes(in: written) == [3])
    }
  }

  @Test("a line left out is none, and the lines after it are right")
  func missingLine() throws {
    let end = try #require(truth.firstIndex(of: TaskVocabulary.newline))
    #expect(document.mistakes(in: Array(truth[(end + 1)...])) == [])
  }

  @Test("a line written twice is one each time but the first, and so is a line that ends early")
  func lines() throws {
    let end = try #require(truth.firstIndex(of: TaskVocabulary.newline))
    let line = Array(truth[...end])
    #expect(document.mistakes(in: line + line) == Array(line.count..<2 * line.count))
    #expect(document.mistakes(in: [line[0], TaskVocabulary.newline]) == [1])
  }
}
