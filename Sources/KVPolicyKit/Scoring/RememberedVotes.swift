/// Votes that are remembered with the rows: a query's attention, kept as exponentials, so that every later
/// softmax over a subset of the rows is a sum and a multiplication.
///
/// Keys never change, so neither does an old query's logit `z`. Kept is `exp(z − reference)`, where the
/// reference is the largest logit among the rows that matter from the start. A softmax over any subset is
/// then the kept numbers over their sum, to float precision, as long as no row exceeds the reference by
/// more than 80 (it counts as exactly 80) and the subset's largest is not 87 below it. Probabilities that the
/// engine computed serve as well: they are such exponentials, over their sum.
extension LaneView {
  /// Remembers one query head's logits in an entry of a column.
  ///
  /// - Parameters:
  ///   - logits: one per row; −∞ for rows the query did not see.
  ///   - column: a ring, or votes.
  ///   - entry: the column's entry to write.
  ///   - horizon: rows before this position give the reference; all do if there is none.
  /// - Complexity: O(rows), eight at a time; allocates nothing.
  public func remember(_ logits: Span<Float>, column: Int, entry: Int, horizon: Int32) {
    let target = lane.ownColumn(column)
    precondition(logits.count == count, "one logit for each row")
    precondition(entry >= 0 && entry < target.column.width, "no such entry in the column")
    let positions = self.positions
    var reference = -Float.infinity
    for row in 0..<count where positions[row] < horizon { reference = max(reference, logits[row]) }
    if reference == -.infinity {
      for row in 0..<count { reference = max(reference, logits[row]) }
    }
    // Both hold `count` floats: the one as just checked, the other as the lane's column, in which whole
    // tiles have room.
    unsafe logits.withUnsafeBufferPointer { logits in
      guard let z = logits.baseAddress else { return }
      guard target.isTiled else {
        return unsafe Softmax.exponentials(
          z, reference: reference, count: count, into: target.entry(entry))
      }
      target.stamp(entry: entry, tokens: length.tokens)
      let tiles = unsafe UnsafeMutableRawPointer(target.tiles()).assumingMemoryBound(
        to: SIMD8<Float>.self)
      for tile in 0..<(count + 7) / 8 {
        let x = unsafe Softmax.load(z, tile * 8, count)
        unsafe tiles[tile * target.column.width + entry] =
          Softmax.remembered(x, reference: reference)
      }
    }
  }

  /// Remembers one query head's probabilities in an entry of a column.
  ///
  /// - Parameters:
  ///   - probabilities: one per row, over whichever rows.
  ///   - column: a ring, or votes.
  ///   - entry: the column's entry to write.
  /// - Complexity: O(rows), eight at a time; allocates nothing.
  public func remember(probabilities: Span<Float>, column: Int, entry: Int) {
    let target = lane.ownColumn(column)
    precondition(probabilities.count == count, "one probability for each row")
    precondition(entry >= 0 && entry < target.column.width, "no such entry in the column")
    unsafe probabilities.withUnsafeBufferPointer { values in
      guard let p = values.baseAddress else { return }
      guard target.isTiled else {
        return unsafe target.entry(entry).update(from: p, count: count)
      }
      target.stamp(entry: entry, tokens: length.tokens)
      let tiles = unsafe UnsafeMutableRawPointer(target.tiles()).assumingMemoryBound(
        to: SIMD8<Float>.self)
      for tile in 0..<(count + 7) / 8 {
        unsafe tiles[tile * target.column.width + entry] =
          unsafe Softmax.load(p, tile * 8, count, beyond: 0)
      }
    }
  }

  /// Adds up each query head's remembered numbers over the rows whose mask is 1, and joins the resulting
  /// probabilities over the heads, and that to `total`.
  ///
  /// - Parameters:
  ///   - column: the ring that ``remember(_:column:entry:horizon:)`` wrote.
  ///   - entries: the column's entries of one query, one per query head.
  ///   - mask: one per row: 1 where the softmax runs, 0 elsewhere. Rows elsewhere get a meaningless vote.
  ///   - heads: how the query heads are joined.
  ///   - share: what each head's probabilities are multiplied by.
  ///   - total: one per row; the vote is joined to it.
  ///   - fold: how it is joined.
  ///   - memory: for the work, kept by the caller so that it is asked for once.
  /// - Complexity: O(heads × rows), eight rows at a time; allocates nothing.
  public func countVote(
    column: Int, entries: Range<Int>, mask: [Float], heads: Softmax.Fold, share: Float = 1,
    into total: inout [Float], by fold: Softmax.Fold, memory: inout VoteMemory
  ) {
    precondition(mask.count >= count && total.count >= count, "one mask and one total for each row")
    let storage = lane.columns[column]
    precondition(
      entries.lowerBound >= 0 && entries.upperBound <= storage.column.width,
      "no such entry in the column")
    guard !entries.isEmpty else { return }
    guard storage.isTiled else {
      return unsafe join(
        storage.entry(entries.lowerBound), stride: storage.stride, entries.count, mask, heads,
        share,
        into: &total, fold, &memory.scales)
    }
    // Brought into the order that the arithmetic below runs in, which then is the same for any column.
    let stride = (count + 7) / 8 * 8
    memory.reserve(entries: entries.count, rows: stride)
    unsafe memory.gathered.withUnsafeMutableBufferPointer { gathered in
      guard let base = gathered.baseAddress else { return }
      let target = UnsafeMutableRawPointer(base)
      let tiles = unsafe UnsafeRawPointer(storage.tiles()).assumingMemoryBound(
        to: SIMD8<Float>.self)
      for (index, entry) in entries.enumerated() {
        for tile in 0..<stride / 8 {
          // The memory holds `stride` floats for each entry, as just reserved.
          unsafe (target + (index * stride + tile * 8) * 4).storeBytes(
            of: tiles[tile * storage.column.width + entry], as: SIMD8<Float>.self)
        }
      }
      unsafe join(
        base, stride: stride, entries.count, mask, heads, share, into: &total, fold,
        &memory.scales)
    }
  }

  /// Counts the votes of `heads` entries, contiguous over the rows and `stride` apart.
  @unsafe private func join(
    _ entries: UnsafePointer<Float>, stride: Int, _ number: Int, _ mask: [Float],
    _ heads: Softmax.Fold, _ share: Float, into total: inout [Float], _ fold: Softmax.Fold,
    _ scales: inout [Float]
  ) {
    scales.removeAll(keepingCapacity: true)
    unsafe mask.withUnsafeBufferPointer { mask in
      guard let mask = mask.baseAddress else { return }
      for index in 0..<number {
        let sum = unsafe Softmax.sum(entries + index * stride, mask: mask, count: count)
        scales.append(sum > 0 ? share / sum : 0)
      }
    }
    unsafe total.withUnsafeMutableBufferPointer { total in
      guard let total = total.baseAddress else { return }
      unsafe Softmax.join(entries, stride: stride, scales: scales, heads, count, into: total, fold)
    }
  }
}

/// Memory for counting votes.
public struct VoteMemory: Sendable {
  /// One factor per query head.
  var scales: [Float] = []
  /// Entries of a column of votes, each contiguous over the rows.
  var gathered: [Float] = []

  /// None yet.
  public init() {}

  /// Bytes taken.
  public var bytes: Int { (scales.count + gathered.count) * MemoryLayout<Float>.stride }

  /// Makes room for so many query heads over so many rows.
  public mutating func reserve(entries: Int, rows: Int) {
    let rows = (rows + 7) / 8 * 8
    scales.reserveCapacity(entries)
    guard gathered.count < entries * rows else { return }
    gathered = Array(repeating: 0, count: entries * rows)
  }
}

extension Softmax {
  /// `e[row] = exp(min(z[row] − reference, 80))`; all 0 if the reference is −∞.
  @unsafe static func exponentials(
    _ z: UnsafePointer<Float>, reference: Float, count: Int, into e: UnsafeMutablePointer<Float>
  ) {
    guard reference > -.infinity else { return unsafe e.update(repeating: 0, count: count) }
    var row = 0
    while row < count {
      unsafe store(remembered(load(z, row, count), reference: reference), e, row, count)
      row += 8
    }
  }

  /// What is remembered of eight logits.
  @inline(__always)
  static func remembered(_ z: SIMD8<Float>, reference: Float) -> SIMD8<Float> {
    guard reference > -.infinity else { return .zero }
    var x = z - reference
    x.replace(with: SIMD8(repeating: 80), where: x .> 80)
    return exponential(x)
  }

  /// Σ e·mask, in a fixed order.
  @unsafe static func sum(
    _ e: UnsafePointer<Float>, mask: UnsafePointer<Float>, count: Int
  ) -> Float {
    var (even, odd) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
    var row = 0
    while row &+ 16 <= count {
      even += unsafe load(e, row, count) * load(mask, row, count)
      odd += unsafe load(e, row &+ 8, count) * load(mask, row &+ 8, count)
      row &+= 16
    }
    var total = (even + odd).sum()
    while row < count {
      total += unsafe e[row] * mask[row]
      row &+= 1
    }
    return total
  }
}
