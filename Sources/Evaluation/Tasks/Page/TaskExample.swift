import KVPolicyKit
import MiniTasks

/// A small document of the tasks, with the lines of the prompt from which each word of the answer
/// follows.
struct TaskExample {
  /// A word of the answer. It is checked if it has the letter of a prompt line.
  struct Word: Equatable {
    var text: String
    var letter: String?
  }

  /// A kind of check, with a line of the prompt and the line's letter.
  struct Rule: Equatable {
    var kind: TaskCheck.Kind
    var letter: String
    var line: String
  }

  /// The lines of the prompt; lines that must be remembered have letters.
  private(set) var prompt: [(letter: String?, words: [String])] = []
  /// The lines of the answer.
  private(set) var answer: [[Word]] = []
  /// One rule per kind of check, in the order of the language.
  private(set) var rules: [Rule] = []

  /// A list of six items with a rule of each kind, and a question of each kind.
  static let standard: TaskExample? = {
    let recipe = TaskRecipe(
      tokens: 164, list: .init(items: 6, first: 1),
      questions: .init(recall: 1, variables: 1, longestChain: 2, copiedWords: 2))
    let generator = try? TaskGenerator(recipe: recipe, seed: .heldOut(2))
    return (generator?.document()).map(TaskExample.init)
  }()

  /// Lays a document of one turn out in lines.
  init(_ document: TaskDocument) {
    let words = document.tokens.map(TaskLanguage.word)
    let response = document.promptLength..<words.count
    let letters = TaskExample.letters(document, words)
    prompt = TaskExample.lines(words, in: 0..<document.promptLength).map { line in
      (letters[line.lowerBound], Array(words[line]))
    }
    var checked: [Int: String] = [:]
    for check in document.checks {
      for index in TaskExample.place(of: check, in: document, words) {
        checked[index] = letters[check.source]
      }
    }
    answer = TaskExample.lines(words, in: response).map { line in
      line.map { Word(text: words[$0], letter: checked[$0]) }
    }
    rules = TaskCheck.Kind.allCases.compactMap { kind in
      guard let check = document.checks.first(where: { $0.kind == kind }),
        let letter = letters[check.source]
      else { return nil }
      let lines = prompt.filter { $0.letter == letter }.map { $0.words.joined(separator: " ") }
      return Rule(kind: kind, letter: letter, line: lines.joined(separator: ", "))
    }
  }

  /// A letter for each needed line, in order, keyed by the line's first index. The lines of a chain
  /// of variables share a letter.
  private static func letters(_ document: TaskDocument, _ words: [String]) -> [Int: String] {
    let needed = Set(document.checks.map(\.source)).sorted()
    var letters: [Int: String] = [:]
    for (source, letter) in zip(needed, "abcdefghijklmnopqrstuvwxyz") {
      letters[source] = String(letter)
    }
    for check in document.checks where check.kind == .variables {
      let answer = lines(words, in: document.promptLength..<words.count)
        .first { $0.contains(document.promptLength + check.position) }
      let names = Set(words[answer ?? 0..<0])
      for line in lines(words, in: 0..<document.promptLength)
      where words[line.lowerBound] == "set" && names.contains(words[line.lowerBound + 1]) {
        letters[line.lowerBound] = letters[check.source]
      }
    }
    return letters
  }

  /// The indices of the words that a check covers: one word, or the remaining line for an answer
  /// that is checked as a whole.
  private static func place(
    of check: TaskCheck, in document: TaskDocument, _ words: [String]
  ) -> Range<Int> {
    let first = document.promptLength + check.position
    guard [.recall, .variables, .again].contains(check.kind) else { return first..<first + 1 }
    return first..<(words[first...].firstIndex(of: "\n") ?? words.count)
  }

  /// The lines of a text, without the tokens that end them.
  private static func lines(_ words: [String], in range: Range<Int>) -> [Range<Int>] {
    var (lines, start) = ([Range<Int>](), range.lowerBound)
    for index in range where words[index] == "\n" {
      lines.append(start..<index)
      start = index + 1
    }
    return start < range.upperBound ? lines + [start..<range.upperBound] : lines
  }
}
