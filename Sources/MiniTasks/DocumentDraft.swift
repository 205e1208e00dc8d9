import KVPolicyKit

/// A document while it is written.
struct DocumentDraft {
  /// Lines of the prompt, without their ends; they will be mixed with filler.
  private var lines: [[Int]] = []
  /// Lines that end the prompt, in this order.
  private var requests: [[Int]] = []
  /// The response so far.
  private var response: [Int] = []
  /// What is checked, and the line of the prompt that each check depends on: where it will stand is known
  /// when the prompt is complete.
  private var checks: [(check: TaskCheck, source: Source)] = []

  /// A line of the prompt, by its index among those of its sort.
  enum Source: Hashable {
    case line(Int)
    case request(Int)
  }

  /// Adds a line at random place.
  mutating func state(_ line: [Int]) -> Source {
    lines.append(line)
    return .line(lines.count - 1)
  }

  /// Adds a line at the end of the prompt.
  @discardableResult
  mutating func request(_ line: [Int]) -> Source {
    requests.append(line)
    return .request(requests.count - 1)
  }

  /// Adds a line of the response, and what is checked in it.
  mutating func respond(_ line: [Int], checking expectations: [Expectation] = []) {
    for expectation in expectations {
      let place = expectation.places.lowerBound
      let check = TaskCheck(
        kind: expectation.kind, item: expectation.item, position: response.count + place, source: 0,
        header: line[0], place: place, expected: Array(line[expectation.places]))
      checks.append((check, expectation.source))
    }
    response += line + [TaskVocabulary.newline]
  }

  /// What is checked in a line that is being written.
  struct Expectation {
    var kind: TaskCheck.Kind
    var item: Int
    /// Places in the line.
    var places: Range<Int>
    var source: Source
  }

  /// The document of exactly `tokens` tokens, which must be enough.
  func document(tokens count: Int, using random: inout SplitMix64) -> TaskDocument {
    let response = self.response + [TaskVocabulary.stop]
    let fixed = (lines + requests).reduce(4 + response.count) { $0 + $1.count + 1 }
    let (prompt, places) = prompt(fillerTokens: count - fixed, using: &random)
    let checks = self.checks.map { entry in
      var check = entry.check
      check.source = places[entry.source] ?? check.source
      return check
    }
    return TaskDocument(tokens: prompt + response, promptLength: prompt.count, checks: checks)
  }

  /// Lines and filler in random order, then the requests; and the index at which each line begins.
  private func prompt(
    fillerTokens: Int, using random: inout SplitMix64
  ) -> (tokens: [Int], places: [Source: Int]) {
    let filler = Filler.lines(tokens: fillerTokens, using: &random)
    var order: [(source: Source?, line: [Int])] = filler.map { (nil, $0) }
    order += lines.enumerated().map { (.line($0), $1) }
    random.shuffle(&order)
    order += requests.enumerated().map { (.request($0), $1) }

    var tokens = [TaskVocabulary.token("start"), TaskVocabulary.newline]
    var places: [Source: Int] = [:]
    for (source, line) in order {
      if let source { places[source] = tokens.count }
      tokens += line + [TaskVocabulary.newline]
    }
    return (tokens + [TaskVocabulary.token("answer"), TaskVocabulary.newline], places)
  }
}

/// Sentences that mean nothing.
enum Filler {
  /// Lines that take exactly `tokens` tokens with their ends: four to nine each where that is possible.
  static func lines(tokens: Int, using random: inout SplitMix64) -> [[Int]] {
    var (lines, left) = ([[Int]](), tokens)
    while left > 0 {
      let drawn = random.draw(4...9)
      // A remainder too short for a sentence makes the last one longer.
      let length = left - drawn < 4 ? left : drawn
      lines.append((0..<length - 1).map { _ in random.draw(from: TaskVocabulary.filler) })
      left -= length
    }
    return lines
  }
}
