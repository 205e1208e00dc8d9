/// Cuts text into the pieces inside which bytes may join: words, numbers, runs of spaces.
///
/// A tokenizer is trained with one such rule and gives other tokens with any other.
struct PreTokenizer: Sendable, Equatable {
  /// One cut; each next one cuts the pieces of the last.
  enum Step: Sendable, Equatable {
    /// Numbers (any `\p{N}`) apart from the rest: each digit alone, or each run of them.
    case digits(individually: Bool)
    /// At the matches of a regular expression.
    case split(SplitPattern)
    /// A space before every piece that does not start with one.
    case prefixSpace
  }

  /// What to do, in order.
  var steps: [Step]
  /// Whether text is first brought to its composed form (NFC), as the model's training text was.
  var composes = false

  /// The rules that have a name, as `tokenizer.ggml.pre` writes it, with the other names for each.
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
  /// - Throws: `ModelError.tokenizer` naming the rules there are.
  static func named(_ name: String) throws(ModelError) -> PreTokenizer {
    if let found = rules.first(where: { $0.names.contains(name) }) { return found.rule }
    let names = rules.flatMap(\.names).joined(separator: ", ")
    throw ModelError.tokenizer(
      reason: "there is no rule '\(name)' for splitting text; there are \(names)")
  }

  /// The rule's own name; for a combination without one, its steps.
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

  /// The pieces of `text`, in order; none is empty. A rule that puts spaces in changes the text too.
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

  /// Cuts each range wherever `pieceEnd(start, end)` says that a piece from `start` ends.
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
