import KVPolicyKit
import Testing

@testable import MiniTasks

@Suite("Dialogues")
struct DialogueTests {
  private func dialogues(_ count: Int) throws -> [TaskDocument] {
    let mixture = try TaskMixture(lengths: 128...1500, kinds: [.dialogue])
    return (0..<count).map { mixture.document(.training(UInt32($0))) }
  }

  @Test("are turns of a prompt and a response that stops")
  func turns() throws {
    for document in try dialogues(200) {
      #expect((2...7).contains(document.responses.count))
      #expect(document.prompts.count == document.responses.count)
      #expect(document.prompts[0] == document.prompt)
      #expect(zip(document.prompts, document.responses).allSatisfy { $0.endIndex == $1.lowerBound })
      #expect(document.responses.last?.upperBound == document.tokens.count)
      for response in document.responses {
        #expect(
          document.tokens[response].firstIndex(of: TaskVocabulary.stop) == response.upperBound - 1)
      }
      #expect(document.score(document.response).isPerfect)
    }
  }

  @Test("ask in every later turn for a line that an earlier turn wrote")
  func again() throws {
    for document in try dialogues(200) {
      let written = Array(document.responses.joined())
      var turns: Set<Int> = []
      for check in document.checks where check.kind == .again {
        let index = written[check.position]
        let turn = try #require(document.responses.firstIndex { $0.contains(index) })
        turns.insert(turn)
        #expect(document.responses[..<turn].contains { $0.contains(check.source) })
        // An answer is its label, then the line. The request names the line's first token.
        let line = document.tokens[check.source...].prefix(check.expected.count + 1)
        #expect(Array(line) == [document.tokens[index - 1]] + check.expected)
      }
      #expect(turns == Set(1..<document.responses.count))
    }
  }

  @Test("are scored turn by turn: what a turn writes after its end counts for nothing")
  func scored() throws {
    for document in try dialogues(20) {
      let response = document.response
      let end = try #require(response.firstIndex(of: TaskVocabulary.stop))
      let missed = document.score(response[...end] + [TaskVocabulary.stop] + response[(end + 1)...])
        .outcomes.filter { !$0.isHit }
      // The empty turn replaces a turn, so the last turn is not read.
      let last = response.count - (document.responses.last?.count ?? 0)
      #expect(
        Set(missed.map(\.check.position))
          == Set(document.checks.map(\.position).filter { $0 >= last }))
      #expect(document.mistakes(in: response).isEmpty)
    }
  }

  @Test(
    "that look back at nothing, or have too many questions, are refused",
    arguments: [
      TaskRecipe(tokens: 900, questions: .init(copiedWords: 5), dialogue: .init()),
      TaskRecipe(tokens: 900, list: .init(items: 9), dialogue: .init(turns: 0, again: 0)),
      TaskRecipe(tokens: 900, list: .init(items: 9), dialogue: .init(turns: 2, again: 1)),
      TaskRecipe(tokens: 900, questions: .init(recall: 20), dialogue: .init(turns: 1, again: 5)),
    ])
  func refused(recipe: TaskRecipe) {
    #expect(throws: TaskError.self) { try TaskGenerator(recipe: recipe, seed: .training(0)) }
  }

  @Test("need no list", arguments: 0..<40)
  func answersOnly(seed: Int) throws {
    let questions = TaskRecipe.Questions(recall: 2, unasked: 3, variables: 1, copiedWords: 4)
    let recipe = TaskRecipe(
      tokens: 300, questions: questions, dialogue: .init(turns: 3, again: 5))
    let document = try TaskGenerator(recipe: recipe, seed: .heldOut(UInt32(seed))).document()
    #expect(document.tokens.count == 300 && document.responses.count == 4)
    #expect(document.checks.count { $0.kind == .again } == 5)
    #expect(document.score(document.response).isPerfect)
  }

  @Test("of all lengths have as many short documents as long ones")
  func lengths() throws {
    let mixture = try TaskMixture(lengths: 128...4096, kinds: [.list])
    var counts = [Int](repeating: 0, count: 5)
    for seed in 0..<1000 {
      let tokens = mixture.document(.training(UInt32(seed))).tokens.count
      counts[min(4, Int.bitWidth - 8 - tokens.leadingZeroBitCount)] += 1
    }
    #expect(counts.allSatisfy { (150...250).contains($0) }, "\(counts)")
  }
}
