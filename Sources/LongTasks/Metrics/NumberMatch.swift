/// LongBench's rules for numbers in a response.
enum NumberMatch {
  /// The share of the response's numbers that are written as `number` is; 0 without numbers.
  static func share(of number: String, in response: String) -> Double {
    let numbers = Words.numbers(in: response)
    guard !numbers.isEmpty else { return 0 }
    return Double(numbers.count { $0 == number }) / Double(numbers.count)
  }

  /// The share of the response's numbers that are the reference's, which is `Paragraph` and a
  /// number; 0 if the reference has no such number.
  static func retrieval(_ response: String, _ reference: String) -> Double {
    paragraph(in: reference).map { share(of: $0, in: response) } ?? 0
  }

  /// The number after the first `Paragraph ` that a number follows.
  static func paragraph(in reference: String) -> String? {
    Header.numbers(after: "Paragraph", in: reference).first.map { String($0) }
  }
}

/// Numbers after a word and a space, such as `Floor 12`.
enum Header {
  /// The numbers that follow `word` and one space, in order.
  static func numbers(after word: String, in text: String) -> [Substring] {
    let (scalars, wanted) = (text.unicodeScalars, Array((word + " ").unicodeScalars))
    var (numbers, position) = ([Substring](), scalars.startIndex)
    while position < scalars.endIndex {
      let rest = scalars[position...]
      if rest.starts(with: wanted) {
        let digits = rest.dropFirst(wanted.count)
          .prefix { $0.properties.generalCategory == .decimalNumber }
        if !digits.isEmpty { numbers.append(Substring(digits)) }
      }
      position = scalars.index(after: position)
    }
    return numbers
  }
}
