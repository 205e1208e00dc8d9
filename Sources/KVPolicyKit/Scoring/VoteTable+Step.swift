/// Recording a step.
extension VoteTable {
  /// Takes the votes of the voter that goes out of the bounds.
  func withdraw(_ slot: Int) {
    let factors = unsafe scales + slot * heads
    for tile in 0..<tileCount {
      let vote = unsafe vote(tiles + tile * width + slot * heads, factors)
      var bound = unsafe Softmax.load(bounds, tile * 8, count)
      if isSum {
        bound = (bound - vote) * VoteTable.down
      } else {
        // Where it was the maximum, what is left is that of the others.
        bound.replace(with: unsafe Softmax.load(later, tile * 8, count), where: vote .>= bound)
      }
      unsafe Softmax.store(bound, bounds, tile * 8, count)
    }
  }

  /// Counts the row at `position` among those voted on from now on.
  func cross(_ position: Int32, newest: Int) {
    guard let row = row(at: position) else { return }
    for head in 0..<heads { unsafe scales[newest * heads + head] = 0 }
    let numbers = unsafe numbers(of: row)
    // The newest voter's sums are about to be made.
    for entry in 0..<entries { unsafe sums[entry] += Double(numbers[entry * 8]) }
    unsafe bounds[row] = unsafe score(row / 8, scales)[row % 8] * (1 - slack)
    if !isSum { unsafe later[row] = 0 }
  }

  private func row(at position: Int32) -> Int? {
    var places = SIMD8<Int32>(repeating: -1)
    for tile in 0..<tileCount {
      let others = rows(tile, before: position) | ~rows(tile, before: position &+ 1)
      places = (places & others) | (Int32(truncatingIfNeeded: tile) & ~others)
    }
    for lane in 0..<8 where places[lane] >= 0 { return Int(places[lane]) * 8 + lane }
    return nil
  }

  /// Writes the new token's votes of one query head; sums them, and finds the scale that bounds them until
  /// rows before `cutoff` have crossed the horizon.
  func remember(
    _ probabilities: Span<Float>, slot: Int, head: Int, horizon: Int32, cutoff: Int32
  ) {
    unsafe probabilities.withUnsafeBufferPointer { probabilities in
      guard let p = probabilities.baseAddress else { return }
      let entry = slot * heads + head
      var target = unsafe mutableTiles + entry
      var (part, later) = (Vector.zero, Vector.zero)
      var (low, high) = (SIMD4<Double>.zero, SIMD4<Double>.zero)
      for tile in 0..<tileCount {
        let vote = unsafe Softmax.load(p, tile &* 8, count, beyond: 0)
        unsafe target.pointee = vote
        unsafe target += width
        let positions = positions(of: tile)
        part += VoteTable.only(vote, (positions &- horizon) &>> 31)
        later += VoteTable.only(vote, (positions &- cutoff) &>> 31)
        guard tile & 3 == 3 else { continue }
        // Four numbers make a float, which errs little; all make a double.
        low += VoteTable.double(part.lowHalf)
        high += VoteTable.double(part.highHalf)
        part = .zero
      }
      low += VoteTable.double(part.lowHalf)
      high += VoteTable.double(part.highHalf)
      let sum = (low + high).sum()
      unsafe sums[entry] = sum
      unsafe scales[entry] = 0
      // `later` has as many roundings as a lane has tiles.
      let most = Double(later.sum()) * (1 + Double(tileCount + 8) * 0x1p-23)
      unsafe pending[head] = scale(max(sum, most))
    }
  }

  @inline(__always)
  static func double(_ x: SIMD4<Float>) -> SIMD4<Double> {
    // Lane by lane, which compiles to one conversion of four; the initialiser is left as a call.
    SIMD4(Double(x[0]), Double(x[1]), Double(x[2]), Double(x[3]))
  }

  /// What makes a lower bound of a probability whose denominator is at most `sum`, however both were
  /// rounded.
  func scale(_ sum: Double) -> Float {
    sum > 0 ? Float(Double(1 - slack) / sum) : 0
  }
}

/// Ending a step.
extension VoteTable {
  /// Adds the newest voter's votes to the bounds.
  func cast(_ slot: Int) {
    for head in 0..<heads { unsafe scales[slot * heads + head] = unsafe pending[head] }
    let factors = unsafe scales + slot * heads
    for tile in 0..<tileCount {
      let vote = unsafe vote(tiles + tile * width + slot * heads, factors)
      var bound = unsafe Softmax.load(bounds, tile * 8, count)
      if isSum {
        bound = (bound + vote) * VoteTable.down
      } else {
        bound.replace(with: vote, where: vote .> bound)
        var bound = unsafe Softmax.load(later, tile * 8, count)
        bound.replace(with: vote, where: vote .> bound)
        unsafe Softmax.store(bound, later, tile * 8, count)
      }
      unsafe Softmax.store(bound, bounds, tile * 8, count)
    }
  }

  /// Takes a row out of the sums. False if it was so much of one that what is left is not exact.
  func remove(_ row: Int) -> Bool {
    var isSound = true
    let numbers = unsafe numbers(of: row)
    for entry in 0..<entries {
      let part = unsafe Double(numbers[entry * 8])
      unsafe sums[entry] -= part
      if unsafe part > sums[entry] { isSound = false }
    }
    return isSound
  }
}
