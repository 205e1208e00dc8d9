/// The numbers of one lane that ``RunningVotes`` counts with, and the arithmetic.
///
/// Every pointer holds what its comment says, and rows stay below `count`, for which columns have room in
/// whole tiles. Bounds are rounded down throughout: a bound times ``down`` makes up for the rounding of
/// the operation before.
@safe struct VoteTable {
  typealias Vector = SIMD8<Float>

  /// The votes: of each tile of eight rows, `width` vectors, one per entry.
  let tiles: UnsafePointer<Vector>
  let mutableTiles: UnsafeMutablePointer<Vector>
  let width: Int
  /// One bound per row, +∞ from the horizon on.
  let bounds: UnsafeMutablePointer<Float>
  /// By maximum: a bound by those voters alone that vote until the period ends. Else the same as `bounds`.
  let later: UnsafeMutablePointer<Float>
  /// One position per row.
  let positions: UnsafePointer<Int32>
  let count: Int
  let heads: Int
  let ring: Int
  let isSum: Bool
  /// One number per entry each.
  let sums: UnsafeMutablePointer<Double>
  let scales: UnsafeMutablePointer<Float>
  let exact: UnsafeMutablePointer<Float>
  /// One number per query head.
  let pending: UnsafeMutablePointer<Float>
  /// Room for `crowd` rows whose bounds are out of the way.
  let triedRows: UnsafeMutablePointer<(row: Int, bound: Float)>

  static let down: Float = 1 - 0x1p-22
  /// What makes up for the rounding of a whole score, or of a scale.
  let slack: Float

  init(
    tiles: UnsafeMutablePointer<Float>, width: Int, bounds: UnsafeMutablePointer<Float>,
    later: UnsafeMutablePointer<Float>, positions: UnsafePointer<Int32>, count: Int, heads: Int,
    ring: Int, isSum: Bool, sums: UnsafeMutablePointer<Double>,
    scales: UnsafeMutablePointer<Float>, pending: UnsafeMutablePointer<Float>,
    exact: UnsafeMutablePointer<Float>, triedRows: UnsafeMutablePointer<(row: Int, bound: Float)>
  ) {
    // A vector is eight floats, and tiles begin on cache lines.
    unsafe mutableTiles = UnsafeMutableRawPointer(tiles).assumingMemoryBound(to: Vector.self)
    unsafe self.tiles = UnsafePointer(mutableTiles)
    self.width = width
    unsafe self.bounds = unsafe bounds
    unsafe self.later = unsafe later
    unsafe self.positions = unsafe positions
    self.count = count
    self.heads = heads
    self.ring = ring
    self.isSum = isSum
    unsafe self.sums = unsafe sums
    unsafe self.scales = unsafe scales
    unsafe self.pending = unsafe pending
    unsafe self.exact = unsafe exact
    unsafe self.triedRows = unsafe triedRows
    slack = Float(ring + 64) * 0x1p-22
  }

  var entries: Int { ring * heads }
  var tileCount: Int { (count + 7) / 8 }

  /// The largest of one voter's query heads, each times its factor, for the rows of a tile.
  @inline(__always)
  func vote(_ votes: UnsafePointer<Vector>, _ factors: UnsafePointer<Float>) -> Vector {
    var largest = unsafe votes[0] * factors[0]
    var head = 1
    while head < heads {
      let other = unsafe votes[head] * factors[head]
      largest.replace(with: other, where: other .> largest)
      head &+= 1
    }
    return largest
  }

  /// All voters' votes for the rows of a tile, joined.
  @inline(__always)
  func score(_ tile: Int, _ factors: UnsafePointer<Float>) -> Vector {
    var votes = unsafe tiles + tile &* width
    var factors = unsafe factors
    var total = Vector.zero
    for _ in 0..<ring {
      let vote = unsafe vote(votes, factors)
      if isSum { total += vote } else { total.replace(with: vote, where: vote .> total) }
      unsafe votes += heads
      unsafe factors += heads
    }
    return total
  }

  /// All bits for the rows of a tile that are before a position, none for the others and beyond `count`.
  ///
  /// Comparing integers does not stay in vectors, nor does joining masks; arithmetic does.
  @inline(__always)
  func rows(_ tile: Int, before position: Int32) -> SIMD8<Int32> {
    (positions(tile) &- position) &>> 31
  }

  /// Positions of the rows of a tile; beyond `count` one that is after any.
  @inline(__always)
  private func positions(_ tile: Int) -> SIMD8<Int32> {
    let row = tile &* 8
    if row &+ 8 <= count {
      return unsafe UnsafeRawPointer(positions + row).loadUnaligned(as: SIMD8<Int32>.self)
    }
    // Far enough for any position to be before it, and near enough for a difference not to overflow.
    var result = SIMD8<Int32>(repeating: .max / 2)
    for index in row..<count { result[index &- row] = unsafe positions[index] }
    return result
  }

  /// `x` for some rows and 0 for the rest.
  @inline(__always)
  static func only(_ x: Vector, _ rows: SIMD8<Int32>) -> Vector {
    // Eight 32-bit lanes all.
    unsafe unsafeBitCast(unsafeBitCast(x, to: SIMD8<Int32>.self) & rows, to: Vector.self)
  }

  /// `x` for some rows and `other` for the rest.
  @inline(__always)
  static func choose(_ x: Vector, for rows: SIMD8<Int32>, else other: Float) -> Vector {
    // Eight 32-bit lanes all.
    let chosen = unsafe unsafeBitCast(x, to: SIMD8<Int32>.self) & rows
    let rest = SIMD8(repeating: Int32(bitPattern: other.bitPattern)) & ~rows
    return unsafe unsafeBitCast(chosen | rest, to: Vector.self)
  }

  /// The numbers of one row, an entry's eight floats after the one's before.
  @inline(__always)
  func numbers(of row: Int) -> UnsafePointer<Float> {
    // A vector is eight floats.
    unsafe UnsafeRawPointer(tiles + row / 8 * width).assumingMemoryBound(to: Float.self) + row % 8
  }
}

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
    _ logits: Span<Float>, slot: Int, head: Int, horizon: Int32, cutoff: Int32
  ) {
    unsafe logits.withUnsafeBufferPointer { logits in
      guard let z = logits.baseAddress else { return }
      let reference = unsafe reference(z, horizon: horizon)
      let entry = slot * heads + head
      var target = unsafe mutableTiles + entry
      var (part, later) = (Vector.zero, Vector.zero)
      var (low, high) = (SIMD4<Double>.zero, SIMD4<Double>.zero)
      for tile in 0..<tileCount {
        let vote = Softmax.remembered(
          unsafe Softmax.load(z, tile &* 8, count), reference: reference)
        unsafe target.pointee = vote
        unsafe target += width
        let positions = positions(tile)
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

  /// The largest logit before the horizon, or of all if there is none.
  private func reference(_ z: UnsafePointer<Float>, horizon: Int32) -> Float {
    var (before, all) = (Vector(repeating: -.infinity), Vector(repeating: -.infinity))
    for tile in 0..<tileCount {
      let x = unsafe Softmax.load(z, tile * 8, count)
      all.replace(with: x, where: x .> all)
      let y = VoteTable.choose(x, for: rows(tile, before: horizon), else: -.infinity)
      before.replace(with: y, where: y .> before)
    }
    return before.max() > -.infinity ? before.max() : all.max()
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

/// Beginning.
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
  func prepareExact(newest: Int) -> Bool {
    var isSound = true
    for entry in 0..<entries {
      let sum = unsafe sums[entry]
      if !(sum > 1e-9 && sum < 1e30) { isSound = false }
      unsafe exact[entry] = Float(1 / sum)
    }
    for head in 0..<heads { unsafe exact[newest * heads + head] = 0 }
    return isSound
  }

  /// Makes bounds that hold for so many steps, this one among them.
  func makeBounds(newest: Int, horizon: Int32, steps: Int) {
    findScales(newest: newest, horizon: horizon, steps: steps)
    for tile in 0..<tileCount {
      let isDistant = rows(tile, before: horizon)
      var bound = Vector.zero
      if isSum {
        bound = unsafe score(tile, scales) * (1 - slack)
      } else {
        // The voters that vote to the end first: `later` is about them.
        let end = ring - steps
        bound = largest(tile, ages: 0...end, newest: newest)
        unsafe Softmax.store(
          VoteTable.choose(bound, for: isDistant, else: .infinity), later, tile * 8, count)
        let other = largest(tile, ages: end + 1...ring, newest: newest)
        bound.replace(with: other, where: other .> bound)
      }
      unsafe Softmax.store(
        VoteTable.choose(bound, for: isDistant, else: .infinity), bounds, tile * 8, count)
    }
  }

  /// The largest vote of the voters of some ages; the newest has age 0.
  @inline(__always)
  private func largest(_ tile: Int, ages: ClosedRange<Int>, newest: Int) -> Vector {
    var total = Vector.zero
    for slot in 0..<ring {
      let age = newest >= slot ? newest &- slot : newest &- slot &+ ring
      guard ages.contains(age) else { continue }
      let vote = unsafe vote(tiles + (tile &* width &+ slot &* heads), scales + slot &* heads)
      total.replace(with: vote, where: vote .> total)
    }
    return total
  }

  /// Scales for so many steps: the rows that will have crossed the horizon when a voter votes last, or at
  /// the end, are in its sum.
  private func findScales(newest: Int, horizon: Int32, steps: Int) {
    // First the sums' growth, kept where the scales go.
    for entry in 0..<entries { unsafe scales[entry] = 0 }
    let end = horizon + Int32(min(steps - 1, ring - 1))
    for row in 0..<count where unsafe positions[row] >= horizon && positions[row] < end {
      // A voter of age a votes ring − 1 − a times more after this step.
      let oldest = unsafe ring - 2 - Int(positions[row] - horizon)
      let numbers = unsafe numbers(of: row)
      for slot in 0..<ring {
        let age = newest >= slot ? newest &- slot : newest &- slot &+ ring
        guard age <= oldest else { continue }
        for entry in slot &* heads..<(slot &+ 1) &* heads {
          unsafe scales[entry] += numbers[entry &* 8]
        }
      }
    }
    for entry in 0..<entries {
      unsafe scales[entry] = scale(sums[entry] + Double(scales[entry]))
    }
    for head in 0..<heads {
      unsafe pending[head] = unsafe scales[newest * heads + head]
      unsafe scales[newest * heads + head] = 0
    }
  }
}
