/// Finds whole tokens such as `<|im_start|>` in text before it is split.
///
/// At each index the longest token wins, and the tokens found do not overlap. One pass from the
/// right finds the longest token that starts at each index; one pass from the left chooses. The
/// tokens are in an automaton (Aho–Corasick) of their reversed texts, so the time is linear in the
/// text, however long the tokens are.
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
  /// The trie of the reversed texts: maps `node << 8 | byte` to the child node. Node 0 is the root.
  private var children: [Int: Int] = [:]
  /// For each node the node of its longest proper suffix that is in the trie.
  private var suffixes: [Int] = [0]
  /// For each node the index of the longest pattern whose reversed text the node's text ends with,
  /// or -1.
  private var longest: [Int32] = [-1]
  /// Which bytes can end a match. 256 entries.
  private var canEnd = [Bool](repeating: false, count: 256)

  /// Builds the automaton of `patterns`. A pattern without text never matches; of patterns with one
  /// text the first matches.
  init(_ patterns: [Pattern]) {
    self.patterns = patterns
    // The edges by the depth of their lower node.
    var levels: [[(upper: Int, byte: UInt8, lower: Int)]] = []
    for (index, pattern) in patterns.enumerated() {
      guard let last = pattern.text.last else { continue }
      canEnd[Int(last)] = true
      var node = 0
      for (depth, byte) in pattern.text.reversed().enumerated() {
        let edge = node << 8 | Int(byte)
        if let below = children[edge] {
          node = below
          continue
        }
        if depth == levels.count { levels.append([]) }
        levels[depth].append((node, byte, suffixes.count))
        node = suffixes.count
        children[edge] = node
        suffixes.append(0)
        longest.append(-1)
      }
      if longest[node] < 0 { longest[node] = Int32(index) }
    }
    for edge in levels.dropFirst().joined() {
      suffixes[edge.lower] = next(suffixes[edge.upper], edge.byte)
      if longest[edge.lower] < 0 { longest[edge.lower] = longest[suffixes[edge.lower]] }
    }
  }

  /// The node of the longest text in the trie that the text of `node` and then `byte` end with.
  private func next(_ node: Int, _ byte: UInt8) -> Int {
    var node = node
    while true {
      if let below = children[node << 8 | Int(byte)] { return below }
      guard node > 0 else { return 0 }
      node = suffixes[node]
    }
  }

  /// The parts of `bytes[range]`, in order. Without `parseSpecial`, special tokens are ordinary
  /// text, but still hide the tokens that overlap them.
  func parts(of bytes: [UInt8], in range: Range<Int>, parseSpecial: Bool) -> [Part] {
    var parts: [Part] = []
    var (textStart, index) = (range.lowerBound, range.lowerBound)
    for (start, found) in longestMatches(in: bytes, range).reversed() where start >= index {
      let pattern = patterns[found]
      let match = start..<start + pattern.text.count
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

  /// The index of the longest pattern that matches at every index where one matches, the last index
  /// first.
  private func longestMatches(
    in bytes: [UInt8], _ range: Range<Int>
  ) -> [(start: Int, pattern: Int)] {
    var matches: [(start: Int, pattern: Int)] = []
    var node = 0
    for index in range.reversed() {
      let byte = bytes[index]
      guard node > 0 || canEnd[Int(byte)] else { continue }
      node = next(node, byte)
      if longest[node] >= 0 { matches.append((index, Int(longest[node]))) }
    }
    return matches
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
