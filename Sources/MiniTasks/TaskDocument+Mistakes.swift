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
