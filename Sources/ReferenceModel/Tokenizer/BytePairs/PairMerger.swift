/// Merges the bytes of a piece into tokens: always the pair of lowest rank, leftmost first.
///
/// The tokens form a linked list and the candidate pairs a heap, so n bytes take O(n log n) time in
/// the worst case. A million equal letters are no worse than prose. One merger is reused for all
/// pieces of a text, so that only the first pieces allocate.
struct PairMerger {
  /// The tokens so far, and the slots of each token's neighbours (-1: none). A merge leaves the
  /// slot of its right token unused.
  private var tokens: [Int32] = []
  private var previous: [Int32] = []
  private var next: [Int32] = []
  /// The rank of the pair that starts in each slot; `never` if the pair does not merge or the slot
  /// is unused.
  private var ranks: [UInt32] = []
  /// Candidates, `rank << 32 | slot`, so that integer order is the order of rank, then of position.
  private var heap = Heap()

  /// The longest piece in bytes; a longer piece is cut so that slots fit 32 bits.
  private static let longestPiece = 1 << 30

  /// Appends the tokens of `piece` to `output`.
  ///
  /// A byte without a token becomes `unknown`; if `unknown` is nil, the byte is dropped.
  mutating func encode(
    _ piece: ArraySlice<UInt8>, vocabulary: Vocabulary, merges: MergeTable, unknown: Int32?,
    into output: inout [Int]
  ) {
    var rest = piece
    while !rest.isEmpty {
      let part = rest.prefix(PairMerger.longestPiece)
      rest = rest.dropFirst(part.count)
      start(with: part, vocabulary: vocabulary, unknown: unknown)
      if tokens.count > 1 { joinAll(merges) }
      var slot = tokens.isEmpty ? -1 : 0
      while slot >= 0 {
        output.append(Int(tokens[slot]))
        slot = Int(next[slot])
      }
    }
  }

  /// Makes one slot per byte, without the dropped bytes.
  private mutating func start(
    with piece: ArraySlice<UInt8>, vocabulary: Vocabulary, unknown: Int32?
  ) {
    tokens.removeAll(keepingCapacity: true)
    for byte in piece {
      let id = vocabulary.idOfByte[Int(byte)]
      if id >= 0 { tokens.append(id) } else if let unknown { tokens.append(unknown) }
    }
    previous.removeAll(keepingCapacity: true)
    next.removeAll(keepingCapacity: true)
    let count = Int32(tokens.count)
    for slot in 0..<count {
      previous.append(slot - 1)
      next.append(slot + 1 == count ? -1 : slot + 1)
    }
  }

  private mutating func joinAll(_ merges: MergeTable) {
    ranks.removeAll(keepingCapacity: true)
    heap.removeAll()
    for slot in 0..<tokens.count {
      ranks.append(MergeTable.never)
      propose(slot, merges)
    }
    while let candidate = heap.popLowest() {
      let (rank, slot) = (UInt32(candidate >> 32), Int(candidate & 0xFFFF_FFFF))
      // A candidate is stale if its pair has changed since: the slot then has another rank.
      guard ranks[slot] == rank else { continue }
      join(slot, into: merges.merged[Int(rank)], merges)
    }
  }

  /// Replaces the token in `slot` and its right neighbour by `token`.
  private mutating func join(_ slot: Int, into token: Int32, _ merges: MergeTable) {
    let right = Int(next[slot])
    tokens[slot] = token
    ranks[right] = MergeTable.never
    next[slot] = next[right]
    if next[slot] >= 0 { previous[Int(next[slot])] = Int32(slot) }
    propose(slot, merges)
    if previous[slot] >= 0 { propose(Int(previous[slot]), merges) }
  }

  /// Makes the pair that starts in `slot` a candidate, if the pair merges.
  private mutating func propose(_ slot: Int, _ merges: MergeTable) {
    let right = next[slot]
    let rank = right < 0 ? MergeTable.never : merges.rank(tokens[slot], tokens[Int(right)])
    ranks[slot] = rank
    if rank != MergeTable.never { heap.push(UInt64(rank) << 32 | UInt64(slot)) }
  }
}
