/// Recording a step.
extension VoteTable {
  /// Takes the votes of the voter that goes out of the bounds.
  func withdraw(_ slot: Int) {
    let factors = unsafe scales + slot * heads
    for tile in 0..<tileCount {
      let vote = unsafe vote(tiles + tile * width + slot * heads, factors)
      var bound = unsafe Softmax.load(bounds, tile &* 8, count)
      if isSum {
        bound = (bound - vote) * VoteTable.down
      } else {
        // Where it was the maximum, what is left is that of the others.
        bound.replace(
          with: unsafe Softmax.load(later, tile &* 8, count), where: vote .>= bound)
      }
      unsafe Softmax.store(bound, bounds, tile &* 8, count)
    }
    for head in 0..<heads { unsafe scales[slot * heads + head] = 0 }
  }

  /// Counts the row at `position` among those voted on from now on, by all but the voter that went.
  func cross(_ position: Int32) {
    guard let row = row(at: position) else { return }
    let numbers = unsafe numbers(of: row)
    // The newest voter's sums are about to be made.
    for entry in 0..<entries { unsafe sums[entry] += Double(numbers[entry &* 8]) }
    unsafe bounds[row] = unsafe score(row / 8, scales)[row % 8] * (1 - slack)
    if !isSum { unsafe later[row] = 0 }
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
      var part = Vector.zero
      var (low, high) = (SIMD4<Double>.zero, SIMD4<Double>.zero)
      for tile in 0..<tileCount {
        let vote = unsafe Softmax.load(p, tile &* 8, count, beyond: 0)
        unsafe target.pointee = vote
        unsafe target += width
        // Rows from the horizon on are those without a bound.
        let bound = unsafe Softmax.load(bounds, tile &* 8, count)
        part += vote.replacing(with: 0, where: bound .== .infinity)
        guard tile & 3 == 3 else { continue }
        // Four numbers make a float, which errs little; all make a double.
        low += VoteTable.double(part.lowHalf)
        high += VoteTable.double(part.highHalf)
        part = .zero
      }
      low += VoteTable.double(part.lowHalf)
      high += VoteTable.double(part.highHalf)
      var sum = (low + high).sum()
      unsafe sums[entry] = sum
      for position in horizon..<cutoff {
        if let row = row(at: position) { unsafe sum += Double(p[row]) }
      }
      unsafe scales[entry] = scale(sum)
    }
  }

  @inline(__always)
  static func double(_ x: SIMD4<Float>) -> SIMD4<Double> {
    // Lane by lane, which compiles to one conversion of four; the initialiser is left as a call.
    SIMD4(Double(x[0]), Double(x[1]), Double(x[2]), Double(x[3]))
  }

  /// Asks memory for a voter's votes in a table of the same shape at `home`: a part of `heads`.
  ///
  /// They lie far apart, and withdrawing them would wait for most.
  func ask(for slot: Int, at home: UInt, part: Int) {
    guard home != 0 else { return }
    let vector = MemoryLayout<Vector>.stride
    for tile in tileCount * part / heads..<tileCount * (part + 1) / heads {
      let address = home &+ UInt((tile * width + slot * heads) * vector)
      unsafe UnsafeRawPointer(bitPattern: address)?.ask(bytes: heads * vector)
    }
  }

  /// What makes a lower bound of a probability whose denominator is at most `sum`, however both were
  /// rounded.
  func scale(_ sum: Double) -> Float {
    sum > 0 ? Float(Double(1 - slack) / sum) : 0
  }

  /// Adds the newest voter's votes to the bounds.
  func cast(_ slot: Int) {
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

  /// Takes a row out of the sums, and from those looked for. False if it was so much of a sum that what is
  /// left is not exact.
  func remove(_ row: Int) -> Bool {
    unsafe bounds[row] = .infinity
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
