/// A vector as panels read it.
@unsafe struct PanelInput {
  /// In the order of the columns; for nibbles in their order, each divided by what its nibble is
  /// multiplied by where it lies.
  let x: UnsafePointer<Float>
  /// The sum of every 32 elements.
  let sums: UnsafePointer<Float>
  /// 0, which the optimiser does not know.
  let zero: Int32
}

/// Where in its block the column of a nibble is: byte j holds columns j (lower) and j + 16 (upper).
enum NibbleOrder {
  /// The column of nibble `nibble`, 0…7, of a row's 32-bit word `word`, 0…3.
  @inline(__always)
  static func column(word: Int, nibble: Int) -> Int {
    4 &* word &+ nibble / 2 &+ (nibble % 2 == 0 ? 0 : 16)
  }

  /// What makes a nibble of its bits in place: 16⁻ᵏ; the last one is moved down.
  @inline(__always)
  static func factor(_ nibble: Int) -> Float {
    nibble == 7 ? 1 : Float(sign: .plus, exponent: -4 &* nibble, significand: 1)
  }
}

/// One nibble of every word, for all but the top one.
///
/// Kept from the optimiser as values it cannot see through: knowing that a masked word is positive, it
/// converts it as an unsigned number, which takes five times as long.
struct NibbleMasks {
  private let (m0, m1, m2, m3): (SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>)
  private let (m4, m5, m6): (SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>)

  /// - Parameter zero: 0, from memory.
  @inline(__always)
  init(zero: Int32) {
    m0 = SIMD8(repeating: 0xF | zero)
    m1 = SIMD8(repeating: 0xF0 | zero)
    m2 = SIMD8(repeating: 0xF00 | zero)
    m3 = SIMD8(repeating: 0xF000 | zero)
    m4 = SIMD8(repeating: 0xF_0000 | zero)
    m5 = SIMD8(repeating: 0xF0_0000 | zero)
    m6 = SIMD8(repeating: 0xF00_0000 | zero)
  }

  /// The mask of nibble `k`, 0…6, a literal where it matters.
  @inline(__always)
  subscript(k: Int) -> SIMD8<Int32> {
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

/// One vector or several that meet matrices, each in the orders in which their types read it.
@unsafe struct VectorInputs {
  // `base` holds `count` vectors of `columns` floats; `sums` and `nibbles` likewise, per vector `blocks`
  // and 32 · `blocks` of them. Numbers of vectors are below `count`.

  let count: Int
  private let (columns, blocks): (Int, Int)
  private let base: UnsafePointer<Float>
  private let sums: UnsafeMutablePointer<Float>
  private let nibbles: UnsafeMutablePointer<Float>
  private let zero: Int32

  /// Lives as long as the vectors, and until the scratch is next used.
  init(
    _ x: UnsafePointer<Float>, count: Int, for group: MatrixGroup, _ scratch: MatrixScratch
  ) {
    let columns = unsafe group.columns
    unsafe self.count = count
    unsafe self.columns = columns
    unsafe blocks = columns / 32
    unsafe base = x
    unsafe zero = scratch.zero
    unsafe (sums, nibbles) = scratch.input(blocks: count * (columns / 32))
    guard unsafe group.contains({ $0.isNibbles }) else { return }
    // The vectors follow each other, and so do their blocks.
    for block in 0..<count * (columns / 32) { unsafe arrange(block) }
  }

  /// Vector `number` as floats read it.
  func floats(_ number: Int) -> UnsafePointer<Float> { unsafe base + number &* columns }

  /// Vector `number` as panels of a type read it.
  @inline(__always)
  func panelInput(_ number: Int, of type: TensorType) -> PanelInput {
    unsafe PanelInput(
      x: type.isNibbles ? UnsafePointer(nibbles + 32 &* number &* blocks) : floats(number),
      sums: UnsafePointer(sums + number &* blocks), zero: zero)
  }

  /// Writes what nibbles read of a block: see `PanelInput`.
  private func arrange(_ block: Int) {
    let (source, target) = unsafe (base + 32 &* block, nibbles + 32 &* block)
    unsafe sums[block] =
      ((load8(source) + load8(source + 8)) + (load8(source + 16) + load8(source + 24))).total
    for word in 0..<4 {
      for nibble in 0..<8 {
        unsafe target[8 &* word &+ nibble] =
          source[NibbleOrder.column(word: word, nibble: nibble)] * NibbleOrder.factor(nibble)
      }
    }
  }
}
