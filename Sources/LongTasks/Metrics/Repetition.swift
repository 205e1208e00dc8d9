/// The repetition measure of MorphKV's evaluation of LongGenBench.
public enum Repetition {
  /// The share of repeated sequences of `length` words in the second half of the blocks:
  /// `1 − distinct / all`; 0 if there are fewer words.
  ///
  /// Words are runs of characters between white space in lower case. The published script cuts
  /// words with NLTK, which also separates punctuation.
  public static func share(inBlocks blocks: [String], length: Int = 20) -> Double {
    let words = blocks[(blocks.count / 2)...].flatMap { Words.split($0.lowercased()) }
    guard length > 0, words.count >= length else { return 0 }
    // Words become numbers first, so that sequences are cheap to hash.
    var numbers: [String: Int32] = [:]
    let text = words.map { word in
      if let number = numbers[word] { return number }
      let number = Int32(numbers.count)
      numbers[word] = number
      return number
    }
    let sequences = text.count - length + 1
    let distinct = Set((0..<sequences).map { text[$0..<$0 + length] }).count
    return 1 - Double(distinct) / Double(sequences)
  }
}
