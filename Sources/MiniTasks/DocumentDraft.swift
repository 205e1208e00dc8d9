import KVPolicyKit

/// A document that is being written.
struct DocumentDraft {
  /// Lines of the first prompt, without their line ends; `open` mixes them with filler.
  private var lines: [[Int]] = []
  /// The requests and the response of each turn.
  private var turns = [Turn()]
  /// The number of tokens in all responses so far.
  private var written = 0
  /// The checks, and the line that each check depends on. The position of this line is known only
  /// when the prompts are complete.
  private var checks: [(check: TaskCheck, source: Source)] = []

  /// A turn that is being written.
  private struct Turn {
    /// The lines that end the turn's prompt, in order.
    var requests: [[Int]] = []
    var response: [Int] = []
  }

  /// A line that a check depends on.
  enum Source: Hashable {
    /// A line of the first prompt, by its index.
    case line(Int)
    /// A line that ends a turn's prompt, by its index.
    case request(turn: Int, Int)
    /// A line of a response, by its first token's index in the joined responses.
    case response(Int)
  }

  /// Adds a line at a random position in the first prompt.
  mutating func state(_ line: [Int]) -> Source {
    lines.append(line)
    return .line(lines.count - 1)
  }

  /// Adds a line at the end of the turn's prompt.
  @discardableResult
  mutating func request(_ line: [Int]) -> Source {
    turns[turns.count - 1].requests.append(line)
    return .request(turn: turns.count - 1, turns[turns.count - 1].requests.count - 1)
  }

  /// Adds a line to the turn's response, with the checks of this line.
  @discardableResult
  mutating func respond(_ line: [Int], checking expectations: [Expectation] = []) -> Source {
    let start = written
    for expectation in expectations {
      let place = expectation.places.lowerBound
      let check = TaskCheck(
        kind: expectation.kind, item: expectation.item, position: start + place, source: 0,
        header: line[0], place: place, expected: Array(line[expectation.places]))
      checks.append((check, expectation.source))
    }
    write(line + [TaskVocabulary.newline])
    return .response(start)
  }

  /// Ends the turn and begins the next one.
  mutating func endTurn() {
    write([TaskVocabulary.stop])
    turns.append(Turn())
  }

  private mutating func write(_ tokens: [Int]) {
    turns[turns.count - 1].response += tokens
    written += tokens.count
  }

  /// A check of a line that is being written.
  struct Expectation {
    var kind: TaskCheck.Kind
    var item: Int
    /// The indices of the checked tokens in the line.
    var places: Range<Int>
    var source: Source
  }

  /// The finished document of exactly `tokens` tokens, which must suffice for the lines so far.
  mutating func document(tokens count: Int, using random: inout SplitMix64) -> TaskDocument {
    write([TaskVocabulary.stop])
    let requests = turns.flatMap(\.requests)
    // The line that opens the document, and the line that opens each response.
    let frame = 2 + 2 * turns.count
    let fixed = (lines + requests).reduce(frame + written) { $0 + $1.count + 1 }
    var places = Places()
    open(fillerTokens: count - fixed, places: &places, using: &random)
    for (index, turn) in turns.enumerated() {
      for (number, line) in turn.requests.enumerated() {
        places.add(line, from: .request(turn: index, number))
      }
      places.tokens += [TaskVocabulary.token("answer"), TaskVocabulary.newline]
      places.respond(turn.response)
    }
    return TaskDocument(
      tokens: places.tokens, responses: places.responses,
      checks: checks.map { entry in
        var check = entry.check
        check.source = places.index(of: entry.source)
        return check
      })
  }

  /// Writes the lines of the first prompt and the filler in random order.
  private func open(
    fillerTokens: Int, places: inout Places, using random: inout SplitMix64
  ) {
    let filler = Filler.lines(tokens: fillerTokens, using: &random)
    var order: [(source: Source?, line: [Int])] = filler.map { (nil, $0) }
    order += lines.enumerated().map { (.line($0), $1) }
    random.shuffle(&order)
    for (source, line) in order { places.add(line, from: source) }
  }
}

/// The tokens of a document, and where its lines begin.
private struct Places {
  var tokens = [TaskVocabulary.token("start"), TaskVocabulary.newline]
  /// The tokens of each response.
  private(set) var responses: [Range<Int>] = []
  private var starts: [DocumentDraft.Source: Int] = [:]

  mutating func add(_ line: [Int], from source: DocumentDraft.Source?) {
    if let source { starts[source] = tokens.count }
    tokens += line + [TaskVocabulary.newline]
  }

  mutating func respond(_ response: [Int]) {
    responses.append(tokens.count..<tokens.count + response.count)
    tokens += response
  }

  /// The index in the document at which the line of `source` begins.
  func index(of source: DocumentDraft.Source) -> Int {
    guard case .response(var position) = source else { return starts[source] ?? 0 }
    for response in responses {
      if position < response.count { return response.lowerBound + position }
      position -= response.count
    }
    return 0
  }
}

/// Sentences without meaning.
enum Filler {
  /// Lines of exactly `tokens` tokens with their line ends: four to nine each where possible.
  static func lines(tokens: Int, using random: inout SplitMix64) -> [[Int]] {
    var (lines, left) = ([[Int]](), tokens)
    while left > 0 {
      let drawn = random.draw(4...9)
      // A remainder too short for a sentence makes the last sentence longer.
      let length = left - drawn < 4 ? left : drawn
      lines.append((0..<length - 1).map { _ in random.draw(from: TaskVocabulary.filler) })
      left -= length
    }
    return lines
  }
}
