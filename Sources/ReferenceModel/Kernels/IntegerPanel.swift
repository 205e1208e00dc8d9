/// Panels that meet inputs rounded to bytes: `d·unit·(Σ q·x + bias·Σ x) + m·unit·Σ x` per block, the sums in
/// integers, which are exact whatever their order.
///
/// Up to four inputs share what is made of a block. `count`, a literal at each use, says how many there are;
/// what the others would give is not computed.
protocol IntegerPanel: PanelFormat {
  /// `Σ q·x` over one block of each of the sixteen rows.
  ///
  /// - Parameters:
  ///   - p: the block's integers, fifth bits included.
  ///   - x: a block of each input.
  @unsafe static func sums(_ p: UnsafeRawPointer, _ x: RoundedInputs, count: Int) -> IntegerSums
}

/// A `RoundedBlock` of each of up to four inputs, and those that follow it.
@unsafe struct RoundedInputs {
  var (x0, x1, x2, x3): (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer)
  /// 0, which the optimiser does not know.
  let zero: Int32

  /// The same block of every input.
  @inline(__always)
  func block(_ number: Int) -> RoundedInputs {
    let offset = RoundedBlock.stride &* number
    return unsafe RoundedInputs(
      x0: x0 + offset, x1: x1 + offset, x2: x2 + offset, x3: x3 + offset, zero: zero)
  }
}

/// `Σ q·x` of sixteen rows with up to four inputs.
struct IntegerSums {
  var r0 = (SIMD8<Int32>.zero, SIMD8<Int32>.zero)
  var r1 = (SIMD8<Int32>.zero, SIMD8<Int32>.zero)
  var r2 = (SIMD8<Int32>.zero, SIMD8<Int32>.zero)
  var r3 = (SIMD8<Int32>.zero, SIMD8<Int32>.zero)
}

/// `W·x` of sixteen rows with up to four inputs.
struct IntegerPanelProducts {
  private(set) var r0 = (Float8.zero, Float8.zero)
  private(set) var r1 = (Float8.zero, Float8.zero)
  private(set) var r2 = (Float8.zero, Float8.zero)
  private(set) var r3 = (Float8.zero, Float8.zero)

  /// Adds a block's part.
  @unsafe @inline(__always)
  mutating func add<Format: IntegerPanel>(
    _: Format.Type, _ p: UnsafeRawPointer, _ x: RoundedInputs, count: Int
  ) {
    let sums = unsafe Format.sums(p + Format.headBytes, x, count: count)
    unsafe Format.add(sums.r0, p, x.x0, to: &r0)
    if count > 1 { unsafe Format.add(sums.r1, p, x.x1, to: &r1) }
    if count > 2 { unsafe Format.add(sums.r2, p, x.x2, to: &r2) }
    if count > 3 { unsafe Format.add(sums.r3, p, x.x3, to: &r3) }
  }
}

extension IntegerPanel {
  /// `W·x` of two panels of `blocks` blocks with one input.
  ///
  /// Two at once, because a core gets more out of memory if it reads in two places.
  @unsafe @inline(__always)
  static func multiply(
    _ panels: (UnsafeRawPointer, UnsafeRawPointer), blocks: Int, _ x: RoundedInputs
  ) -> (IntegerPanelProducts, IntegerPanelProducts) {
    var products = (IntegerPanelProducts(), IntegerPanelProducts())
    for block in 0..<blocks {
      let (p, q) = unsafe (panels.0 + bytes &* block, panels.1 + bytes &* block)
      unsafe products.0.add(Self.self, p, x.block(block), count: 1)
      unsafe products.1.add(Self.self, q, x.block(block), count: 1)
    }
    return products
  }

  /// `W·x` of a panel of `blocks` blocks with `count` inputs.
  @unsafe @inline(__always)
  static func multiply(
    _ panel: UnsafeRawPointer, blocks: Int, _ x: RoundedInputs, count: Int
  ) -> IntegerPanelProducts {
    var products = IntegerPanelProducts()
    for block in 0..<blocks {
      unsafe products.add(Self.self, panel + bytes &* block, x.block(block), count: count)
    }
    return products
  }

  /// Adds the part of the block at `p` to the product with one input.
  @unsafe @inline(__always)
  fileprivate static func add(
    _ sums: (SIMD8<Int32>, SIMD8<Int32>), _ p: UnsafeRawPointer, _ x: UnsafeRawPointer,
    to product: inout (Float8, Float8)
  ) {
    var sums = sums
    if bias != 0 {
      let all = unsafe SIMD8<Int32>(repeating: Int32(bias) &* RoundedBlock.sum(x))
      sums = (sums.0 &+ all, sums.1 &+ all)
    }
    if type.hasOffset {
      let m = unsafe scales(p + 2 &* PanelShape.rows)
      let total = unsafe Float8(repeating: RoundedBlock.total(x))
      product = (multiplyAdd(m.0, total, product.0), multiplyAdd(m.1, total, product.1))
    }
    let d = unsafe scales(p)
    let unit = unsafe Float8(repeating: RoundedBlock.unit(x))
    product = (
      multiplyAdd(floats(sums.0) * unit, d.0, product.0),
      multiplyAdd(floats(sums.1) * unit, d.1, product.1)
    )
  }
}
