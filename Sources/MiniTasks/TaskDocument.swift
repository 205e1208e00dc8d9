/// A prompt that states things to be remembered, and the one response that is right.
public struct TaskDocument: Equatable, Sendable {
  /// Prompt and response.
  public let tokens: [Int]
  /// Tokens of the prompt.
  public let promptLength: Int
  /// What a response must get right, in the order of the true one.
  public let checks: [TaskCheck]

  /// The tokens that count for the loss: those of the response, each of which follows from the prompt and
  /// the response before it.
  public var determined: Range<Int> { promptLength..<tokens.count }
  /// What a model reads.
  public var prompt: ArraySlice<Int> { tokens[..<promptLength] }
  /// What it should write, `TaskVocabulary.stop` included.
  public var response: ArraySlice<Int> { tokens[promptLength...] }

  /// Compares a response with the true one.
  ///
  /// Lines are found by the number or label with which they begin, the first if there are several, wherever
  /// they stand: an item left out costs its own checks and `completion`, not those of the items after it.
  /// - Parameter written: tokens that a model wrote; nothing after the first `TaskVocabulary.stop` counts.
  public func score<Written: Sequence<Int>>(_ written: Written) -> TaskScore {
    let response = ResponseLines(written)
    let truth = ResponseLines(self.response)
    let outcomes = checks.map { check in
      guard check.kind != .completion else {
        let isHit =
          response.listHeaders == truth.listHeaders && response.endings == truth.endings
        return TaskScore.Outcome(check: check, isPresent: !response.endings.isEmpty, isHit: isHit)
      }
      guard let line = response.line(check.header) else {
        return TaskScore.Outcome(check: check, isPresent: false, isHit: false)
      }
      return TaskScore.Outcome(check: check, isPresent: true, isHit: check.holds(in: line))
    }
    return TaskScore(
      outcomes: outcomes, items: truth.listHeaders.count,
      itemsWritten: truth.listHeaders.count { response.line($0) != nil },
      unaskedWords: unaskedWords(in: response, truth: truth))
  }

  /// Words of constraints at places where no constraint holds.
  private func unaskedWords(in response: ResponseLines, truth: ResponseLines) -> Int {
    var checked: Set<[Int]> = []
    for check in checks where check.kind != .completion {
      checked.insert([check.header, check.place])
    }
    return truth.listHeaders.reduce(0) { count, header in
      guard let line = response.line(header) else { return count }
      return count
        + TaskLayout.rest.count { place, rest in
          let index = line.startIndex + place
          return index < line.endIndex && line[index] != rest && !checked.contains([header, place])
        }
    }
  }
}

/// A response, cut into lines.
private struct ResponseLines {
  /// The numbers with which lines begin.
  private(set) var listHeaders: [Int] = []
  /// With what the lines begin that end a list.
  private(set) var endings: [Int] = []
  private var lines: [Int: ArraySlice<Int>] = [:]

  init<Tokens: Sequence<Int>>(_ tokens: Tokens) {
    let text = tokens.prefix { $0 != TaskVocabulary.stop }
    for line in text.split(separator: TaskVocabulary.newline) {
      guard let header = line.first else { continue }
      if TaskVocabulary.number(of: header) != nil { listHeaders.append(header) }
      if line.contains(TaskVocabulary.token("done")) { endings.append(header) }
      if lines[header] == nil { lines[header] = line }
    }
  }

  /// The first line that begins with a token.
  func line(_ header: Int) -> ArraySlice<Int>? { lines[header] }
}
