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
