/// Beginning a count, and a period.
extension VoteTable {
  /// Every sum, from all votes.
  func addUp(horizon: Int32) {
    for entry in 0..<entries {
      var (low, high) = (SIMD4<Double>.zero, SIMD4<Double>.zero)
      for tile in 0..<tileCount {
        let votes = unsafe VoteTable.choose(
          tiles[tile * width + entry], for: rows(tile, before: horizon), else: 0)
        low += VoteTable.double(votes.lowHalf)
        high += VoteTable.double(votes.highHalf)
      }
      unsafe sums[entry] = (low + high).sum()
    }
  }

  /// The factors that make probabilities of votes. False if they are not numbers to reckon with.
  func prepareExact() -> Bool {
    var isSound = true
    for entry in 0..<entries {
      let sum = unsafe Float(sums[entry])
      if !(sum > 1e-30 && sum < 1e30) { isSound = false }
      unsafe exact[entry] = 1 / sum
    }
    return isSound
  }

  /// Makes bounds that hold for so many steps, this one among them.
  func makeBounds(newest: Int, horizon: Int32, steps: Int) {
    findScales(newest: newest, horizon: horizon, steps: steps)
    // The voters that vote to the end, of ages up to ring − steps, and the others, as they lie in the ring.
    let oldest = newest + steps - ring
    let turn = oldest < 0
    let staying = turn ? (oldest + ring..<ring, 0..<newest + 1) : (oldest..<newest + 1, 0..<0)
    let going = turn ? (newest + 1..<oldest + ring, 0..<0) : (0..<oldest, newest + 1..<ring)
    for tile in 0..<tileCount {
      let isDistant = rows(tile, before: horizon)
      var bound: Vector
      if isSum {
        bound = unsafe score(tile, scales) * (1 - slack)
      } else {
        bound = unsafe score(tile, scales, staying.0, and: .zero)
        bound = unsafe score(tile, scales, staying.1, and: bound)
        unsafe Softmax.store(
          VoteTable.choose(bound, for: isDistant, else: .infinity), later, tile * 8, count)
        bound = unsafe score(tile, scales, going.0, and: bound)
        bound = unsafe score(tile, scales, going.1, and: bound)
      }
      unsafe Softmax.store(
        VoteTable.choose(bound, for: isDistant, else: .infinity), bounds, tile * 8, count)
    }
  }

  /// Scales for so many steps: the rows that will have crossed the horizon when a voter votes last, or at
  /// the end, are in its sum.
  private func findScales(newest: Int, horizon: Int32, steps: Int) {
    // First the sums' growth, kept where the scales go.
    for entry in 0..<entries { unsafe scales[entry] = 0 }
    let last = min(steps, ring) - 2
    var next = last >= 0 ? row(at: horizon) : nil
    for step in 0..<last + 1 {
      let current = next
      next = step < last ? row(at: horizon + Int32(step + 1)) : nil
      if let next { ask(for: next) }
      guard let row = current else { continue }
      let numbers = unsafe numbers(of: row)
      // A voter of age a votes ring − a times.
      for age in 0..<ring - 1 - step {
        let slot = newest >= age ? newest &- age : newest &- age &+ ring
        for entry in slot &* heads..<(slot &+ 1) &* heads {
          unsafe scales[entry] += numbers[entry &* 8]
        }
      }
    }
    for entry in 0..<entries {
      unsafe scales[entry] = scale(sums[entry] + Double(scales[entry]))
    }
  }

  /// Asks memory for the votes of a row's tile.
  private func ask(for row: Int) {
    unsafe UnsafeRawPointer(tiles + row / 8 * width).ask(
      bytes: entries * MemoryLayout<Vector>.stride)
  }
}
