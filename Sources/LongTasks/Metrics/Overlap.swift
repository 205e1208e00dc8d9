/// Words that two texts share.
enum Overlap {
  /// The F1 of the normalised words (SQuAD's).
  static func f1(_ response: String, _ reference: String) -> Double {
    f1(normalised(response), normalised(reference))
  }

  /// ROUGE-1: the F1 of the runs of ASCII letters and digits in lower case, without stemming.
  static func rouge1(_ response: String, _ reference: String) -> Double {
    func words(_ text: String) -> [String] {
      text.lowercased().utf8.split { byte in
        !(0x61...0x7A).contains(byte) && !(0x30...0x39).contains(byte)
      }.map { String(decoding: $0, as: UTF8.self) }
    }
    return f1(words(response), words(reference))
  }

  /// The words in lower case without ASCII punctuation and articles.
  static func normalised(_ text: String) -> [String] {
    let kept = text.lowercased().unicodeScalars.filter { scalar in
      !scalar.isASCII || scalar.value < 0x21 || scalar.value == 0x7F
        || (0x30...0x39).contains(scalar.value) || (0x61...0x7A).contains(scalar.value)
    }
    let bare = String(String.UnicodeScalarView(kept))
    // An article is a whole run of letters, which other characters than spaces may surround.
    var (result, position) = ("", bare.startIndex)
    for run in Words.runs(in: bare) where ["a", "an", "the"].contains(run) {
      result += bare[position..<run.startIndex] + " "
      position = run.endIndex
    }
    return Words.split(result + bare[position...])
  }

  /// The F1 of two bags of words; 0 if they share none.
  private static func f1(_ response: [String], _ reference: [String]) -> Double {
    var left = Dictionary(reference.map { ($0, 1) }, uniquingKeysWith: +)
    var shared = 0
    for word in response where left[word, default: 0] > 0 {
      left[word, default: 0] -= 1
      shared += 1
    }
    guard shared > 0 else { return 0 }
    let precision = Double(shared) / Double(response.count)
    let recall = Double(shared) / Double(reference.count)
    return 2 * precision * recall / (precision + recall)
  }
}
