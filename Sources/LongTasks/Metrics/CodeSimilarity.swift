/// LongBench's similarity of a line of code.
enum CodeSimilarity {
  /// The similarity of the first line of the response that has no backtick, `#` or `//` to the
  /// reference, in hundredths: `fuzz.ratio` of fuzzywuzzy with python-Levenshtein, which is twice
  /// the longest common subsequence divided by the sum of the lengths. O(n·m)
  static func score(_ response: String, _ reference: String) -> Double {
    let line = Array(codeLine(of: response).unicodeScalars)
    let reference = Array(reference.unicodeScalars)
    let sum = line.count + reference.count
    guard line != reference else { return 1 }
    guard !line.isEmpty, !reference.isEmpty else { return 0 }
    let ratio = Double(2 * commonLength(line, reference)) / Double(sum)
    // Python rounds halves to the even number.
    return (100 * ratio).rounded(.toNearestOrEven) / 100
  }

  /// The first line of code; empty if every line has a comment or a mark of a code block.
  static func codeLine(of response: String) -> String {
    let lines = response.unicodeScalars.drop { $0 == "\n" }
      .split(separator: "\n", omittingEmptySubsequences: false)
    let line = lines.first { line in
      !line.contains("`") && !line.contains("#") && !String(line).hasBytes("//")
    }
    return line.map { String($0) } ?? ""
  }

  /// The length of the longest common subsequence.
  private static func commonLength(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    var lengths = [Int](repeating: 0, count: b.count + 1)
    for scalar in a {
      var diagonal = 0
      for index in b.indices {
        let above = lengths[index + 1]
        lengths[index + 1] =
          scalar == b[index] ? diagonal + 1 : max(above, lengths[index])
        diagonal = above
      }
    }
    return lengths[b.count]
  }
}
