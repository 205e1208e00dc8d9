/// Words that are due in the numbered blocks of a long response, and the score of a response
/// (LongGenBench's, with exact matches in place of a judge).
struct BlockPlan: Equatable, Sendable {
  /// A word that is due in a block.
  struct Check: Equatable, Sendable {
    /// `once`, `range` or `periodic`.
    let kind: String
    let block: Int
    let word: String
  }

  /// The marker that begins a block.
  static let marker = "#*#"
  /// The kinds of checks.
  static let kinds = ["once", "range", "periodic"]

  /// The word before a block's number, such as `Floor`.
  let type: String
  /// The number of blocks.
  let count: Int
  let checks: [Check]
  /// Whether a word must be a whole word of the block. Phrases of a data set need not be.
  var matchesWholeWords = true

  /// The score of a response, first header included. The value is the mean of the accuracies with
  /// the strict denominator, or the completion rate without checks.
  func score(_ text: String) -> SampleScore {
    let parts = BlockPlan.parts(of: text)
    let blocks = blocks(in: parts)
    var tallies: [String: SampleScore.Tally] = [:]
    for check in checks {
      let block = blocks[check.block]
      tallies[check.kind, default: .init()].due += 1
      tallies[check.kind, default: .init()].found += block == nil ? 0 : 1
      let isHit = block.map { has(check.word, in: $0) } ?? false
      tallies[check.kind, default: .init()].hits += isHit ? 1 : 0
    }
    let completion =
      Double(blocks.keys.count { (1...max(1, count)).contains($0) })
      / Double(max(1, count))
    var score = SampleScore(
      value: completion, tallies: tallies,
      measures: ["completion": completion, "repetition": Repetition.share(inBlocks: parts)])
    if matchesWholeWords { score.measures["misplaced"] = Double(misplaced(in: blocks)) }
    score.value = score.meanAccuracy(strict: true) ?? completion
    return score
  }

  /// The parts of a text between markers, without empty parts.
  static func parts(of text: String) -> [String] {
    var (parts, start) = ([String](), text.startIndex)
    let scalars = text.unicodeScalars
    var position = start
    func close(at end: String.Index) {
      let part = String(text[start..<end])
      if !part.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x0A }) { parts.append(part) }
    }
    while position < scalars.endIndex {
      guard scalars[position...].starts(with: marker.unicodeScalars) else {
        position = scalars.index(after: position)
        continue
      }
      close(at: position)
      position = scalars.index(position, offsetBy: marker.unicodeScalars.count)
      start = position
    }
    close(at: scalars.endIndex)
    return parts
  }

  /// The first block of each number.
  private func blocks(in parts: [String]) -> [Int: String] {
    var blocks: [Int: String] = [:]
    for part in parts {
      // As published, the first header counts wherever it is in the block.
      guard let digits = Header.numbers(after: type, in: part).first, let number = Int(digits),
        blocks[number] == nil
      else { continue }
      blocks[number] = part
    }
    return blocks
  }

  private func has(_ word: String, in block: String) -> Bool {
    matchesWholeWords
      ? Words.has(word, in: block) : block.lowercased().hasBytes(word.lowercased())
  }

  /// The number of due words in blocks where they are not due.
  private func misplaced(in blocks: [Int: String]) -> Int {
    let words = Set(checks.map(\.word))
    var due: [Int: Set<String>] = [:]
    for check in checks { due[check.block, default: []].insert(check.word) }
    return blocks.reduce(0) { sum, block in
      let written = Set(Words.runs(in: block.value).map { $0.lowercased() })
      return sum + written.intersection(words).subtracting(due[block.key] ?? []).count
    }
  }
}
