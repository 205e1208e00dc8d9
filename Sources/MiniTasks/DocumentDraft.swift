import KVPolicyKit

/// A document while it is written.
struct DocumentDraft {
  /// Lines of the prompt, without their ends; they will be mixed with filler.
  private(set) var lines: [[Int]] = []
  /// Lines that end the prompt, in this order.
  private(set) var requests: [[Int]] = []
  /// The response so far.
  private(set) var response: [Int] = []
  /// What is checked. Until the prompt is complete, `source` is an index into `lines`, or past them into
  /// `requests`.
  private(set) var checks: [(check: TaskCheck, source: Source)] = []

  /// Which line of the prompt a check depends on.
  enum Source {
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
    let newline = TaskVocabulary.newline
    let response = self.response + [TaskVocabulary.stop]
    let fixed = (lines + requests).reduce(4 + response.count) { $0 + $1.count + 1 }
    var order = lines.indices.map { $0 }
    let filler = Filler.lines(tokens: count - fixed, using: &random)
    order += filler.indices.map { $0 + lines.count }
    random.shuffle(&order)

    var tokens = [TaskVocabulary.token("start"), newline]
    var starts = [Int](repeating: 0, count: order.count)
    for index in order {
      starts[index] = tokens.count
      tokens += index < lines.count ? lines[index] : filler[index - lines.count]
      tokens.append(newline)
    }
    var requestStarts: [Int] = []
    for request in requests {
      requestStarts.append(tokens.count)
      tokens += request + [newline]
    }
    tokens += [TaskVocabulary.token("answer"), newline]
    let checks = self.checks.map { entry in
      var check = entry.check
      switch entry.source {
      case .line(let index): check.source = starts[index]
      case .request(let index): check.source = requestStarts[index]
      }
      return check
    }
    return TaskDocument(
      tokens: tokens + response, promptLength: tokens.count, checks: checks)
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
