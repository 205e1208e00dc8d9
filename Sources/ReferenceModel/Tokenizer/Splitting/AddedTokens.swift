/// Finds whole tokens such as `<|im_start|>` in text before it is split.
///
/// Scans once from the left; at each index the longest token wins. The tokens are in a trie, so the
/// time is at most the length of the text times the length of the longest token.
struct AddedTokens: Sendable {
  /// A token and how it is matched.
  struct Pattern: Sendable {
    /// The token's id.
    var id: Int
    /// The token's text in UTF-8.
    var text: [UInt8]
    /// Whether the token is matched only with `parseSpecial`.
    var isSpecial: Bool
    /// Whether the match includes the white space before the token, and the white space after it.
    var takesSpaceBefore = false
    var takesSpaceAfter = false
    /// Whether the token is matched only where no letter, digit or underscore is next to it.
    var isWholeWord = false
  }

  /// A part of the text: a matched token, or a range of text to split.
  enum Part: Equatable {
    case token(Int)
    case text(Range<Int>)
  }

  private let patterns: [Pattern]
  /// The index of the pattern that ends at each node of the trie, or -1; node 0 is the root.
  private var patternAtNode: [Int32] = [-1]
  /// Maps `node << 8 | byte` to the child node.
  private var children: [Int: Int] = [:]
  /// Which bytes can start a match. 256 entries.
  private var canStart = [Bool](repeating: false, count: 256)

  /// Builds the trie of `patterns`; a pattern without text never matches.
  init(_ patterns: [Pattern]) {
    self.patterns = patterns
    for (index, pattern) in patterns.enumerated() {
      guard let first = pattern.text.first else { continue }
      canStart[Int(first)] = true
      var node = 0
      for byte in pattern.text {
        let edge = node << 8 | Int(byte)
        if let below = children[edge] {
          node = below
        } else {
          patternAtNode.append(-1)
          node = patternAtNode.count - 1
          children[edge] = node
        }
      }
      patternAtNode[node] = Int32(index)
    }
  }

  /// The parts of `bytes[range]`, in order. Without `parseSpecial`, special tokens are ordinary
  /// text, but still hide the tokens that overlap them.
  func parts(of bytes: [UInt8], in range: Range<Int>, parseSpecial: Bool) -> [Part] {
    var parts: [Part] = []
    var (textStart, index) = (range.lowerBound, range.lowerBound)
    while index < range.upperBound {
      guard canStart[Int(bytes[index])], let pattern = longestMatch(bytes, index, range.upperBound)
      else {
        index += 1
        continue
      }
      let match = index..<index + pattern.text.count
      index = match.upperBound
      guard parseSpecial || !pattern.isSpecial,
        !pattern.isWholeWord || isWholeWord(match, in: bytes, range)
      else { continue }
      var (start, stop) = (match.lowerBound, match.upperBound)
      if pattern.takesSpaceBefore { start = spaceStart(before: start, in: bytes, after: textStart) }
      if pattern.takesSpaceAfter { stop = spaceEnd(after: stop, in: bytes, range.upperBound) }
      if textStart < start { parts.append(.text(textStart..<start)) }
      parts.append(.token(pattern.id))
      (textStart, index) = (stop, stop)
    }
    if textStart < range.upperBound { parts.append(.text(textStart..<range.upperBound)) }
    return parts
  }

  private func longestMatch(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Pattern? {
    var (node, index) = (0, start)
    var longest: Int32 = -1
    while index < end, let below = children[node << 8 | Int(bytes[index])] {
      (node, index) = (below, index + 1)
      if patternAtNode[node] >= 0 { longest = patternAtNode[node] }
    }
    return longest < 0 ? nil : patterns[Int(longest)]
  }
}

// MARK: - Around a match

extension AddedTokens {
  private func isWholeWord(
    _ match: Range<Int>, in bytes: [UInt8], _ range: Range<Int>
  ) -> Bool {
    let before = scalar(before: match.lowerBound, in: bytes, after: range.lowerBound)
    let after =
      match.upperBound < range.upperBound
      ? UTF8Text.character(in: bytes, at: match.upperBound).scalar : nil
    return before.map(AddedTokens.isWordCharacter) != true
      && after.map(AddedTokens.isWordCharacter) != true
  }

  private func scalar(
    before index: Int, in bytes: [UInt8], after start: Int
  ) -> Unicode.Scalar? {
    var lead = index - 1
    while lead > start, index - lead < 4, bytes[lead] & 0xC0 == 0x80 { lead -= 1 }
    guard lead >= start else { return nil }
    let (scalar, length, _) = UTF8Text.character(in: bytes, at: lead)
    return lead + length == index ? scalar : nil
  }

  private func spaceStart(before index: Int, in bytes: [UInt8], after start: Int) -> Int {
    var first = index
    while let scalar = scalar(before: first, in: bytes, after: start),
      scalar.properties.isWhitespace
    { first -= scalar.utf8.count }
    return first
  }

  private func spaceEnd(after index: Int, in bytes: [UInt8], _ end: Int) -> Int {
    var stop = index
    while stop < end, let scalar = UTF8Text.character(in: bytes, at: stop).scalar,
      scalar.properties.isWhitespace
    { stop += scalar.utf8.count }
    return stop
  }

  /// `\w`: alphabetic characters, marks, digits, connectors and joiners.
  private static func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool {
    let properties = scalar.properties
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation:
      return true
    default: return properties.isAlphabetic || properties.isJoinControl
    }
  }
}
