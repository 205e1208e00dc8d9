/// The pairs of neighbouring tokens that merge, their ranks, and the merged tokens.
///
/// A hash table with open addressing: encoding looks up every pair of neighbours, and a general
/// dictionary would take most of the encoding time.
struct MergeTable: Sendable {
  /// The token that each merge makes, by rank; rank 0 merges first.
  private(set) var merged: [Int32] = []
  /// `left << 32 | right`, or `empty`. The number of slots is a power of two; at most half the
  /// slots are taken.
  private var pairs: [UInt64]
  /// The rank of the pair in the same slot.
  private var ranks: [UInt32]
  private let mask: Int
  private static let empty = UInt64.max
  /// The rank of a pair that never merges.
  static let never = UInt32.max

  /// An empty table with room for `count` merges.
  init(capacity count: Int) {
    var slots = 16
    while slots < 2 * count { slots *= 2 }
    pairs = Array(repeating: MergeTable.empty, count: slots)
    ranks = Array(repeating: MergeTable.never, count: slots)
    mask = slots - 1
    merged.reserveCapacity(count)
  }

  /// Adds the next merge. A pair that is added again takes the later rank.
  ///
  /// Precondition: no more merges than the table's capacity, so a free slot always remains.
  mutating func append(left: Int32, right: Int32, into token: Int32) {
    let pair = MergeTable.pair(left, right)
    var slot = firstSlot(of: pair)
    while pairs[slot] != pair && pairs[slot] != MergeTable.empty { slot = (slot + 1) & mask }
    pairs[slot] = pair
    ranks[slot] = UInt32(merged.count)
    merged.append(token)
  }

  /// The rank of the merge of `left` and `right`, or `never`.
  func rank(_ left: Int32, _ right: Int32) -> UInt32 {
    let pair = MergeTable.pair(left, right)
    var slot = firstSlot(of: pair)
    while pairs[slot] != pair {
      if pairs[slot] == MergeTable.empty { return MergeTable.never }
      slot = (slot + 1) & mask
    }
    return ranks[slot]
  }

  private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// Fibonacci hashing: the high bits of the product depend on every bit of the pair.
  private func firstSlot(of pair: UInt64) -> Int {
    Int(truncatingIfNeeded: (pair &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
  }
}

/// The text form of a merge, which both file formats use.
enum MergeLine {
  /// The two texts of `line`, which one space separates.
  ///
  /// - Throws: `ModelError.tokenizer` if the line does not have two texts.
  static func parse(_ line: String) throws(ModelError) -> (left: String, right: String) {
    // Split at the byte: a space followed by a combining mark is a different Character.
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
