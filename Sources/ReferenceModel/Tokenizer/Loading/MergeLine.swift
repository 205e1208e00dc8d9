/// The way both file formats write a merge as one text.
enum MergeLine {
  /// The two texts of `line`, which one space separates.
  ///
  /// - Throws: `ModelError.tokenizer` if there are not two.
  static func parse(_ line: String) throws(ModelError) -> (left: String, right: String) {
    // Cut at the byte: as a Character, a space followed by a combining mark is no space.
    let halves = line.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard halves.count == 2, !halves[0].isEmpty, !halves[1].isEmpty,
      let left = String(halves[0]), let right = String(halves[1])
    else {
      throw ModelError.tokenizer(
        reason: "the merge '\(line)' is not two tokens with one space between them")
    }
    return (left, right)
  }
}
