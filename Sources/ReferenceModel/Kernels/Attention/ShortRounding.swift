/// How a query, or the weights of some rows, are rounded to integers of 16 bits: an element is
/// approximately `unit · integer`.
struct ShortRounding {
  /// 1/32767 of the greatest magnitude; a NaN if some element is not finite, and 0 if all are 0.
  let unit: Float
  /// 1 / unit, or 0.
  private let inverse: Float

  init(_ top: GreatestMagnitude) {
    let greatest = top.magnitude
    // Below 2⁻¹⁰⁰ the inverse might be infinite.
    inverse = greatest < 0x1p-100 ? 0 : 32_767 / greatest
    unit = greatest < 0x1p-100 ? 0 : greatest / 32_767
  }

  @unsafe @inline(__always)
  init(_ floats: UnsafePointer<Float>, count: Int) {
    var top = GreatestMagnitude()
    var index = 0
    while index &+ vectorWidth <= count {
      unsafe top.add(loadVector(floats + index))
      index &+= vectorWidth
    }
    if index < count {
      unsafe top.add(loadVector(floats + index, count: count &- index, filler: 0))
    }
    self.init(top)
  }

  /// 16 elements as integers.
  @unsafe @inline(__always)
  func sixteen(_ floats: UnsafePointer<Float>) -> SIMD16<Int16> {
    unsafe rounded(floats, times: Float8(repeating: inverse))
  }

  /// Writes the integers of all elements, one after the other.
  @unsafe @inline(__always)
  func round(_ floats: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<Int16>) {
    guard unit.isFinite else { return }
    var index = 0
    while index &+ 16 <= count {
      unsafe UnsafeMutableRawPointer(target + index).storeBytes(
        of: sixteen(floats + index), as: SIMD16<Int16>.self)
      index &+= 16
    }
    while index < count {
      unsafe target[index] = Int16((floats[index] * inverse).rounded(.toNearestOrEven))
      index &+= 1
    }
  }
}

/// The greatest magnitude of some floats.
struct GreatestMagnitude {
  /// Floats without a sign, as integers: these are in the order of the floats, and infinities and
  /// NaNs are above all others.
  private var bits = IntVector.zero

  @inline(__always)
  mutating func add(_ v: FloatVector) {
    // The types have equally many elements of 32 bits.
    let own = unsafe unsafeBitCast(v, to: IntVector.self) & IntVector(repeating: 0x7FFF_FFFF)
    bits.replace(with: own, where: own .> bits)
  }

  /// A NaN if some float is not finite.
  var magnitude: Float {
    let greatest = Float(bitPattern: UInt32(truncatingIfNeeded: bits.max()))
    return greatest.isFinite ? greatest : .nan
  }
}
