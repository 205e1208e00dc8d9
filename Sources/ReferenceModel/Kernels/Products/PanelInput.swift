/// An input vector in the order in which panels read it.
@safe struct PanelInput {
  /// The elements in the order of the columns. For types of nibbles, they are in the order of the
  /// nibbles, each divided by the factor that its nibble has in place.
  @unsafe let x: UnsafePointer<Float>
  /// The sum of every 32 elements.
  @unsafe let sums: UnsafePointer<Float>
  /// Always 0, but the optimiser does not know: see `NibbleMasks`.
  let zero: Int32
}

/// The order of the nibbles in a block: byte j holds column j in its lower nibble and column j + 16
/// in its upper nibble.
enum NibbleOrder {
  /// The column of nibble `nibble`, 0…7, of a row's 32-bit word `word`, 0…3.
  @inline(__always)
  static func column(word: Int, nibble: Int) -> Int {
    4 &* word &+ nibble / 2 &+ (nibble % 2 == 0 ? 0 : 16)
  }

  /// The factor that turns a nibble's bits in place into its value: 16⁻ᵏ; 1 for nibble 7, which is
  /// shifted down.
  @inline(__always)
  static func factor(_ nibble: Int) -> Float {
    nibble == 7 ? 1 : 1 / Float(1 &<< (4 &* nibble))
  }

  /// The factors of a word's nibbles.
  @inline(__always)
  static var factors: Float8 {
    Float8(
      factor(0), factor(1), factor(2), factor(3), factor(4), factor(5), factor(6), factor(7))
  }
}

/// The masks of one nibble of every word, for all nibbles but the top one.
///
/// The optimiser must not know their values. If it knew that a masked word is positive, it would
/// convert the word as an unsigned integer, which takes five times as long.
struct NibbleMasks {
  private let (m0, m1, m2, m3): (IntVector, IntVector, IntVector, IntVector)
  private let (m4, m5, m6): (IntVector, IntVector, IntVector)

  /// - Parameter zero: 0, from memory, where the optimiser cannot see it.
  @inline(__always)
  init(zero: Int32) {
    m0 = IntVector(repeating: 0xF | zero)
    m1 = IntVector(repeating: 0xF0 | zero)
    m2 = IntVector(repeating: 0xF00 | zero)
    m3 = IntVector(repeating: 0xF000 | zero)
    m4 = IntVector(repeating: 0xF_0000 | zero)
    m5 = IntVector(repeating: 0xF0_0000 | zero)
    m6 = IntVector(repeating: 0xF00_0000 | zero)
  }

  /// The mask of nibble `k`, 0…6; `k` is a literal where speed matters.
  @inline(__always)
  subscript(k: Int) -> IntVector {
    switch k {
    case 0: m0
    case 1: m1
    case 2: m2
    case 3: m3
    case 4: m4
    case 5: m5
    default: m6
    }
  }
}

/// One or several input vectors, each in the orders that the types of the matrices read.
@safe struct VectorInputs {
  // Why no access is out of bounds: `base` holds `count` vectors of `columns` floats. `sums` holds
  // `blocks` floats per vector, `nibbles` 32 · `blocks`. Indices of vectors are below `count`.

  let count: Int
  private let (columns, blocks): (Int, Int)
  @unsafe private let base: UnsafePointer<Float>
  @unsafe private let sums: UnsafeMutablePointer<Float>
  @unsafe private let nibbles: UnsafeMutablePointer<Float>
  private let zero: Int32

  /// Arranges the vectors. Valid while the vectors live, and until the scratch memory is next used.
  init(
    _ x: UnsafePointer<Float>, count: Int, for group: MatrixGroup, _ scratch: MatrixScratch
  ) {
    let columns = group.columns
    self.count = count
    self.columns = columns
    blocks = columns / 32
    unsafe base = x
    zero = scratch.zero
    unsafe (sums, nibbles) = scratch.input(blocks: count * (columns / 32))
    guard group.contains({ $0.isNibbles }) else { return }
    // The vectors follow each other in memory, and so do their blocks.
    for block in 0..<count * (columns / 32) { arrange(block) }
  }

  /// Vector `number` in the order in which float matrices read it.
  func floats(_ number: Int) -> UnsafePointer<Float> { unsafe base + number &* columns }

  /// Vector `number` in the order in which panels of a type read it.
  @inline(__always)
  func panelInput(_ number: Int, of type: TensorType) -> PanelInput {
    unsafe PanelInput(
      x: type.isNibbles ? UnsafePointer(nibbles + 32 &* number &* blocks) : floats(number),
      sums: UnsafePointer(sums + number &* blocks), zero: zero)
  }

  /// Writes the sum of a block, and its elements in the order of nibbles: see `PanelInput`.
  private func arrange(_ block: Int) {
    let (source, target) = unsafe (base + 32 &* block, nibbles + 32 &* block)
    unsafe sums[block] =
      ((load8(source) + load8(source + 8)) + (load8(source + 16) + load8(source + 24))).total
    for word in 0..<4 {
      var ordered = Float8.zero
      ordered.evenHalf = unsafe load4(source + 4 &* word)
      ordered.oddHalf = unsafe load4(source + (4 &* word &+ 16))
      unsafe store8(ordered * NibbleOrder.factors, target + 8 &* word)
    }
  }
}

/// Four floats from `p`, which needs no alignment.
@unsafe @inline(__always)
private func load4(_ p: UnsafePointer<Float>) -> SIMD4<Float> {
  unsafe UnsafeRawPointer(p).loadUnaligned(as: SIMD4<Float>.self)
}
