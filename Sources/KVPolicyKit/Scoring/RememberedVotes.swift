/// Votes that are remembered with the rows: a query's attention, kept as exponentials, so that every later
/// softmax over a subset of the rows is a sum and a multiplication.
///
/// Keys never change, so neither does an old query's logit `z`. Kept is `exp(z − reference)`, where the
/// reference is the largest logit among the rows that matter from the start. A softmax over any subset is
/// then the kept numbers over their sum, to float precision, as long as no row exceeds the reference by
/// more than 80 (it counts as exactly 80) and the subset's largest is not 87 below it.
extension LaneView {
  /// Remembers one query head's logits in an entry of a column.
  ///
  /// - Parameters:
  ///   - logits: one per row; −∞ for rows the query did not see.
  ///   - column: a ring.
  ///   - entry: the ring's entry to write.
  ///   - horizon: rows before this position give the reference; all do if there is none.
  /// - Complexity: O(rows), eight at a time; allocates nothing.
  public func remember(_ logits: Span<Float>, column: Int, entry: Int, horizon: Int32) {
    let target = lane.ownColumn(column)
    precondition(logits.count == count, "one logit for each row")
    let positions = self.positions
    var reference = -Float.infinity
    for row in 0..<count where positions[row] < horizon { reference = max(reference, logits[row]) }
    if reference == -.infinity {
      for row in 0..<count { reference = max(reference, logits[row]) }
    }
    // Both hold `count` floats: the one as just checked, the other as the lane's column.
    unsafe logits.withUnsafeBufferPointer { logits in
      guard let z = logits.baseAddress else { return }
      unsafe Softmax.exponentials(z, reference: reference, count: count, into: target.entry(entry))
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
  ///   - scales: memory for one float per head, kept by the caller.
  /// - Complexity: O(heads × rows), eight rows at a time; allocates nothing.
  public func countVote(
    column: Int, entries: Range<Int>, mask: [Float], heads: Softmax.Fold, share: Float = 1,
    into total: inout [Float], by fold: Softmax.Fold, scales: inout [Float]
  ) {
    precondition(mask.count >= count && total.count >= count, "one mask and one total for each row")
    let storage = lane.columns[column]
    guard let last = entries.last else { return }
    scales.removeAll(keepingCapacity: true)
    // `entry` checks its number and its entries are contiguous at `stride`; the others were checked.
    unsafe mask.withUnsafeBufferPointer { mask in
      guard let mask = mask.baseAddress else { return }
      for entry in entries {
        let sum = unsafe Softmax.sum(storage.entry(entry), mask: mask, count: count)
        scales.append(sum > 0 ? share / sum : 0)
      }
    }
    unsafe total.withUnsafeMutableBufferPointer { total in
      guard let total = total.baseAddress else { return }
      _ = unsafe storage.entry(last)
      unsafe Softmax.join(
        storage.entry(entries.lowerBound), stride: storage.stride, scales: scales, heads, count,
        into: total, fold)
    }
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
      var x = unsafe load(z, row, count) - reference
      x.replace(with: SIMD8(repeating: 80), where: x .> 80)
      unsafe store(exponential(x), e, row, count)
      row += 8
    }
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
