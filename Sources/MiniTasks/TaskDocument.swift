/// A prompt that states things to be remembered, and the one response that is right. A dialogue has several
/// of both.
public struct TaskDocument: Equatable, Sendable {
  /// Prompts and responses, in turn.
  public let tokens: [Int]
  /// The indices in `tokens` of each turn's response, `TaskVocabulary.stop` included.
  ///
  /// Each of these tokens follows from the tokens before it; the tokens between two responses are the prompt
  /// of the second.
  public let responses: [Range<Int>]
  /// What the responses must get right, in the order of the true ones.
  public let checks: [TaskCheck]

  /// Tokens of the first prompt.
  public var promptLength: Int { responses.first?.lowerBound ?? tokens.count }
  /// The first prompt.
  public var prompt: ArraySlice<Int> { tokens[..<promptLength] }
  /// The true responses, joined.
  public var response: [Int] { responses.flatMap { tokens[$0] } }
  /// What each turn's user says.
  public var prompts: [ArraySlice<Int>] {
    zip([0] + responses.map(\.upperBound), responses).map { tokens[$0..<$1.lowerBound] }
  }

  /// Compares a response with the true one.
  ///
  /// Lines are found by the number or label with which they begin, the first if there are several, wherever
  /// they stand: an item left out costs its own checks and `completion`, not those of the items after it.
  /// - Parameter written: tokens that a model wrote, the responses to all turns joined. Each ends with
  ///   `TaskVocabulary.stop`; nothing after as many of these as there are turns counts.
  public func score<Written: Sequence<Int>>(_ written: Written) -> TaskScore {
    let response = ResponseLines(written, turns: responses.count)
    let truth = ResponseLines(self.response, turns: responses.count)
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
  /// The first tokens of the lines that end a list.
  private(set) var endings: [Int] = []
  private var linesByHeader: [Int: ArraySlice<Int>] = [:]

  init<Tokens: Sequence<Int>>(_ tokens: Tokens, turns: Int) {
    let texts = tokens.split(
      separator: TaskVocabulary.stop, maxSplits: turns, omittingEmptySubsequences: false)
    let lines = texts.prefix(turns).flatMap { $0.split(separator: TaskVocabulary.newline) }
    for line in lines {
      guard let header = line.first else { continue }
      if TaskVocabulary.number(of: header) != nil { listHeaders.append(header) }
      if line.contains(TaskVocabulary.token("done")) { endings.append(header) }
      if linesByHeader[header] == nil { linesByHeader[header] = line }
    }
  }

  /// The first line that begins with a token.
  func line(_ header: Int) -> ArraySlice<Int>? { linesByHeader[header] }
}

extension TaskDocument {
  /// Indices in `written` of tokens that are not those of the true response's line.
  ///
  /// Lines are found by the number or label with which they begin, wherever they stand; all of a line that
  /// the true response has not, or that was written before, is a mistake.
  ///
  /// - Parameter written: tokens that a model wrote.
  public func mistakes(in written: [Int]) -> [Int] {
    // The ends of turns begin with the same token; no other two lines do.
    var truth: [Int: [ArraySlice<Int>]] = [:]
    for line in TaskDocument.lines(response[...]) {
      if let header = line.first { truth[header, default: []].append(line) }
    }
    var mistakes: [Int] = []
    for line in TaskDocument.lines(written[...]) {
      guard let header = line.first, let expected = truth[header]?.first else {
        mistakes += line.indices
        continue
      }
      truth[header]?.removeFirst()
      for (place, index) in line.indices.enumerated() {
        let right = expected.startIndex + place
        if right >= expected.endIndex || expected[right] != line[index] { mistakes.append(index) }
      }
    }
    return mistakes
  }

  /// The lines of a text, their ends included; the last may have none. The end of a turn ends a line too.
  private static func lines(_ text: ArraySlice<Int>) -> [ArraySlice<Int>] {
    var (lines, start) = ([ArraySlice<Int>](), text.startIndex)
    for index in text.indices
    where text[index] == TaskVocabulary.newline || text[index] == TaskVocabulary.stop {
      lines.append(text[start...index])
      start = index + 1
    }
    return start < text.endIndex ? lines + [text[start...]] : lines
  }
}
