/// Cuts text into pieces: words, numbers, stretches of spaces. Merges never cross pieces.
///
/// A tokenizer is trained with one rule, and gives different tokens with any other rule.
struct PreTokenizer: Sendable, Equatable {
  /// One step, which works on the pieces of the previous step.
  enum Step: Sendable, Equatable {
    /// Separates numbers (any `\p{N}`) from other text: every digit alone, or a stretch of digits
    /// together.
    case digits(individually: Bool)
    /// Cuts at the matches of a regular expression.
    case split(SplitPattern)
    /// Inserts a space before every piece that does not start with a space.
    case prefixSpace
  }

  /// The steps, in order.
  var steps: [Step]
  /// Whether text is first composed (NFC), as the model's training text was.
  var composes = false

  /// The rules with a name. The names are values of `tokenizer.ggml.pre`; a rule's first name is
  /// its `name`.
  private static let rules: [(names: [String], rule: PreTokenizer)] = [
    (["gpt2", "gpt-2", "default"], PreTokenizer(steps: [.split(.gpt2)])),
    (
      ["smollm", "starcoder", "refact", "codeshell"],
      PreTokenizer(steps: [.digits(individually: true), .split(.gpt2)])
    ),
    (["llama-bpe", "llama3", "llama-v3"], PreTokenizer(steps: [.split(.llama3)])),
    (["qwen2", "deepseek-r1-qwen"], PreTokenizer(steps: [.split(.qwen2)], composes: true)),
  ]

  /// The rule called `name` in a GGUF file.
  ///
  /// - Throws: `ModelError.tokenizer` if no rule has the name; the message lists all names.
  static func named(_ name: String) throws(ModelError) -> PreTokenizer {
    if let found = rules.first(where: { $0.names.contains(name) }) { return found.rule }
    let names = rules.flatMap(\.names).joined(separator: ", ")
    throw ModelError.tokenizer(
      reason: "there is no rule '\(name)' for splitting text; there are \(names)")
  }

  /// The rule's name; for a combination without a name, the names of its steps.
  var name: String {
    if let known = PreTokenizer.rules.first(where: { $0.rule == self }) { return known.names[0] }
    let parts = steps.map { step in
      switch step {
      case .digits(let individually): individually ? "digits" : "numbers"
      case .split(let pattern): pattern.name
      case .prefixSpace: "prefix-space"
      }
    }
    return ((composes ? ["nfc"] : []) + (parts.isEmpty ? ["none"] : parts)).joined(separator: "+")
  }

  /// The pieces of `text`, in order; no piece is empty. A rule that inserts spaces also changes
  /// `text`.
  func split(_ text: inout ClassifiedText) -> [Range<Int>] {
    var pieces = text.bytes.isEmpty ? [] : [0..<text.bytes.count]
    for step in steps {
      switch step {
      case .prefixSpace: (text, pieces) = text.prefixingSpaces(pieces)
      case .digits(let individually):
        pieces = PreTokenizer.cut(pieces) { index, end in
          let isNumber = text.kind(at: index) == ClassifiedText.number
          if isNumber && individually { return text.characterEnd(index, end) }
          var stop = index
          while stop < end, (text.kind(at: stop) == ClassifiedText.number) == isNumber { stop += 1 }
          return stop
        }
      case .split(let pattern):
        pieces = PreTokenizer.cut(pieces) { pattern.pieceEnd(text, $0, $1) }
      }
    }
    return pieces
  }

  /// Cuts each range into pieces; `pieceEnd(start, end)` is the end of the piece at `start`.
  private static func cut(
    _ ranges: [Range<Int>], pieceEnd: (Int, Int) -> Int
  ) -> [Range<Int>] {
    var pieces: [Range<Int>] = []
    pieces.reserveCapacity(ranges.count)
    for range in ranges {
      var start = range.lowerBound
      while start < range.upperBound {
        let stop = pieceEnd(start, range.upperBound)
        pieces.append(start..<stop)
        start = stop
      }
    }
    return pieces
  }
}
