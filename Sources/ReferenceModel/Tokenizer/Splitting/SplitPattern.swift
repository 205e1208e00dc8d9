/// A regular expression that cuts text into words, implemented as a hand-written scanner.
///
/// Every alternative of these expressions starts at the current character, and together the
/// alternatives cover all text. So consecutive matches are the pieces.
enum SplitPattern: String, CaseIterable, Sendable {
  /// GPT-2: contractions, then words, numbers and symbols, each with an optional space before it.
  case gpt2 =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
  /// Llama 3: contractions in either case; a word may start with one symbol or space; a number has
  /// at most three digits; newlines stay with the symbols or white space before them.
  case llama3 =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// Qwen2: as Llama 3, but every digit is a piece.
  case qwen2 =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  /// The rule's short name.
  var name: String {
    switch self {
    case .gpt2: "gpt2"
    case .llama3: "llama-bpe"
    case .qwen2: "qwen2"
    }
  }

  /// The end of the piece that starts at `index`. `index` is below `end` and is the first byte of a
  /// character; `end` counts as the end of the text.
  func pieceEnd(_ text: ClassifiedText, _ index: Int, _ end: Int) -> Int {
    switch self {
    case .gpt2: gpt2End(text, index, end)
    case .llama3: modernEnd(text, index, end, longestNumber: 3)
    case .qwen2: modernEnd(text, index, end, longestNumber: 1)
    }
  }

  private func gpt2End(_ text: ClassifiedText, _ index: Int, _ end: Int) -> Int {
    if let stop = contractionEnd(text, index, end, anyCase: false) { return stop }
    let word = afterSpace(text, index, end)
    if text.isSpace(at: word) { return spaceEnd(text, index, end) }
    return text.runEnd(of: text.kind(at: word), word, end)
  }

  private func modernEnd(
    _ text: ClassifiedText, _ index: Int, _ end: Int, longestNumber: Int
  ) -> Int {
    if let stop = contractionEnd(text, index, end, anyCase: true) { return stop }
    if let stop = wordEnd(text, index, end) { return stop }
    if text.kind(at: index) == ClassifiedText.number {
      var stop = index
      for _ in 0..<longestNumber where stop < end && text.kind(at: stop) == ClassifiedText.number {
        stop = text.characterEnd(stop, end)
      }
      return stop
    }
    let symbol = afterSpace(text, index, end)
    if text.kind(at: symbol) == ClassifiedText.other {
      let stop = text.runEnd(of: ClassifiedText.other, symbol, end)
      return text.runEnd(of: ClassifiedText.newline, stop, end)
    }
    return lineEnd(text, index, end) ?? spaceEnd(text, index, end)
  }

  /// `[^\r\n\p{L}\p{N}]?\p{L}+`
  private func wordEnd(_ text: ClassifiedText, _ index: Int, _ end: Int) -> Int? {
    var letters = index
    let kind = text.kind(at: index)
    if kind == ClassifiedText.other || kind == ClassifiedText.space {
      letters = text.characterEnd(index, end)
    }
    let stop = text.runEnd(of: ClassifiedText.letter, letters, end)
    return stop > letters ? stop : nil
  }

  /// `\s*[\r\n]+`: the white space from `index` to its last newline; nil if it has no newline.
  private func lineEnd(_ text: ClassifiedText, _ index: Int, _ end: Int) -> Int? {
    var stop: Int?
    var cursor = index
    while cursor < end, text.isSpace(at: cursor) {
      cursor += 1
      if text.kind(at: cursor - 1) == ClassifiedText.newline { stop = cursor }
    }
    return stop
  }

  /// `\s+(?!\S)|\s+`: white space. Before other text, the last of several white-space characters is
  /// left for the next piece.
  private func spaceEnd(_ text: ClassifiedText, _ index: Int, _ end: Int) -> Int {
    var stop = index
    var last = index
    while stop < end, text.isSpace(at: stop) {
      last = stop
      stop = text.characterEnd(stop, end)
    }
    return stop == end || last == index ? stop : last
  }

  /// `index + 1` if `index` is a space before a character that is not white space, else `index`.
  private func afterSpace(_ text: ClassifiedText, _ index: Int, _ end: Int) -> Int {
    guard text.bytes[index] == UInt8(ascii: " "), index + 1 < end else { return index }
    return text.isSpace(at: index + 1) ? index : index + 1
  }

  /// `'s|'t|'re|'ve|'m|'ll|'d`
  private func contractionEnd(
    _ text: ClassifiedText, _ index: Int, _ end: Int, anyCase: Bool
  ) -> Int? {
    guard text.bytes[index] == UInt8(ascii: "'"), index + 1 < end else { return nil }
    let fold: UInt8 = anyCase ? 0x20 : 0
    let first = text.bytes[index + 1] | (text.bytes[index + 1] < 0x80 ? fold : 0)
    let second = index + 2 < end ? text.bytes[index + 2] : 0
    switch first {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
      return index + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"):
      return second | fold == UInt8(ascii: "e") ? index + 3 : nil
    case UInt8(ascii: "l"):
      return second | fold == UInt8(ascii: "l") ? index + 3 : nil
    // The long s, U+017F, is the only other character that case folding turns into one of the
    // letters above.
    case 0xC5:
      return anyCase && second == 0xBF ? index + 3 : nil
    default: return nil
    }
  }
}
