/// A prompt that states things to be remembered, and its only right response. A dialogue has
/// several prompts and responses.
public struct TaskDocument: Equatable, Sendable {
  /// The prompts and responses in turn.
  public let tokens: [Int]
  /// The indices in `tokens` of each turn's response, `TaskVocabulary.stop` included.
  ///
  /// Each of these tokens follows from the tokens before it. The tokens between two responses are
  /// the prompt of the second one.
  public let responses: [Range<Int>]
  /// What the responses must get right, in the order of the true responses.
  public let checks: [TaskCheck]

  /// The number of tokens in the first prompt.
  public var promptLength: Int { responses.first?.lowerBound ?? tokens.count }
  /// The first prompt.
  public var prompt: ArraySlice<Int> { tokens[..<promptLength] }
  /// The true responses, joined.
  public var response: [Int] { responses.flatMap { tokens[$0] } }
  /// The prompt of each turn.
  public var prompts: [ArraySlice<Int>] {
    zip([0] + responses.map(\.upperBound), responses).map { tokens[$0..<$1.lowerBound] }
  }

  /// Compares a response with the true one.
  ///
  /// A line is found by the number or label it begins with, at any position; of several such lines
  /// the first one counts. So a missing item fails its own checks and `completion`, but not the
  /// checks of later items.
  /// - Parameter written: tokens that a model wrote, the responses to all turns joined. Each
  ///   response ends with `TaskVocabulary.stop`; tokens after the last turn's response are ignored.
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

  /// The number of constraint words at indices where no constraint holds.
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

/// A response, split into lines.
private struct ResponseLines {
  /// The numbers that lines begin with.
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

  /// The first line that begins with the token `header`.
  func line(_ header: Int) -> ArraySlice<Int>? { linesByHeader[header] }
}

extension TaskDocument {
  /// Indices in `written` of tokens that differ from the true response's line.
  ///
  /// A line is found by the number or label it begins with, at any position. Every token of a line
  /// is a mistake if the true response has no such line, or if the line was written before.
  ///
  /// - Parameter written: tokens that a model wrote.
  public func mistakes(in written: [Int]) -> [Int] {
    // Only the lines that end a turn begin with the same token (`stop`).
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

  /// The lines of a text, with their line ends; the last line may have none. The end of a turn also
  /// ends a line.
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
