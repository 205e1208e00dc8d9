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
  /// Where the row of each of the last positions was, in a ring; to be looked at before use.
  let places: UnsafeMutableBufferPointer<Int32>
  /// Room for `crowd` rows whose bounds are out of the way.
  let triedRows: UnsafeMutablePointer<(row: Int, bound: Float)>

  static let down: Float = 1 - 0x1p-22
  /// What makes up for the rounding of a whole score, or of a scale.
  let slack: Float

  init(
    tiles: UnsafeMutablePointer<Float>, width: Int, bounds: UnsafeMutablePointer<Float>,
    later: UnsafeMutablePointer<Float>, positions: UnsafePointer<Int32>, count: Int, heads: Int,
    ring: Int, isSum: Bool, sums: UnsafeMutablePointer<Double>,
    scales: UnsafeMutablePointer<Float>, exact: UnsafeMutablePointer<Float>,
    places: UnsafeMutableBufferPointer<Int32>,
    triedRows: UnsafeMutablePointer<(row: Int, bound: Float)>
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
    unsafe self.places = unsafe places
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
    unsafe score(tile, factors, 0..<ring, and: .zero)
  }

  /// Some voters' votes for the rows of a tile, joined to those of others.
  @inline(__always)
  func score(
    _ tile: Int, _ factors: UnsafePointer<Float>, _ slots: Range<Int>, and others: Vector
  ) -> Vector {
    let first = slots.lowerBound &* heads
    var votes = unsafe tiles + (tile &* width &+ first)
    var factors = unsafe factors + first
    var total = others
    for _ in slots {
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
    (positions(of: tile) &- position) &>> 31
  }

  /// Positions of the rows of a tile; beyond `count` one that is after any.
  @inline(__always)
  func positions(of tile: Int) -> SIMD8<Int32> {
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

  /// The row at a position; nil if there is none.
  func row(at position: Int32) -> Int? {
    let place = unsafe Int(position) % places.count
    let row = unsafe Int(places[place])
    if unsafe row < count && positions[row] == position { return row }
    for row in 0..<count where unsafe positions[row] == position {
      unsafe places[place] = Int32(row)
      return row
    }
    return nil
  }
}
