/// ROUGE-L of summaries, as the Python package `rouge` 1.0.1 computes it for LongBench.
///
/// The package cuts texts at full stops, counts distinct words only, and adds 10⁻⁸ to the
/// denominator. A part of white space alone has one empty word.
enum RougeL {
  /// The F1 of the distinct words in the union of the longest common subsequences; 0 for an empty
  /// text. O(n·m) for texts of n and m words.
  static func score(_ response: String, _ reference: String) -> Double {
    let (response, reference) = (sentences(response), sentences(reference))
    guard !response.isEmpty, !reference.isEmpty else { return 0 }
    var union: Set<String> = []
    for expected in reference {
      for written in response { union.formUnion(commonWords(expected, written)) }
    }
    let recall = Double(union.count) / Double(Set(reference.joined()).count)
    let precision = Double(union.count) / Double(Set(response.joined()).count)
    return 2 * (precision * recall / (precision + recall + 1e-8))
  }

  private static func sentences(_ text: String) -> [[String]] {
    text.unicodeScalars.split(separator: ".").map { part in
      let words = Words.split(String(part))
      return words.isEmpty ? [""] : words
    }
  }

  /// The words of a longest common subsequence. Of several, the package's: a word of the reference
  /// is left out only if this keeps a longer subsequence than to leave out a word of the response.
  static func commonWords(_ reference: [String], _ response: [String]) -> Set<String> {
    let (rows, columns) = (reference.count, response.count)
    var lengths = [Int32](repeating: 0, count: (rows + 1) * (columns + 1))
    func index(_ row: Int, _ column: Int) -> Int { row * (columns + 1) + column }
    for row in 1...rows {
      for column in 1...columns {
        lengths[index(row, column)] =
          reference[row - 1] == response[column - 1]
          ? lengths[index(row - 1, column - 1)] + 1
          : max(lengths[index(row - 1, column)], lengths[index(row, column - 1)])
      }
    }
    var (words, row, column) = (Set<String>(), rows, columns)
    while row > 0, column > 0 {
      if reference[row - 1] == response[column - 1] {
        words.insert(reference[row - 1])
        (row, column) = (row - 1, column - 1)
      } else if lengths[index(row - 1, column)] > lengths[index(row, column - 1)] {
        row -= 1
      } else {
        column -= 1
      }
    }
    return words
  }
}
