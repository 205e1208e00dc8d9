/// Storing eight channels at a time: as `CodeBlock` stores one element at a time, with the same
/// codes.
extension CodeBlock {
  // Eight channels begin with a whole byte and are within `width`, so every access lies in the
  // block.

  /// Whether groups consist of eights of channels.
  var isInEights: Bool {
    (format.grouping == .ofRow ? format.group : width).isMultiple(of: 8)
  }

  /// Stores a whole group of rows, `rows × width` floats.
  @unsafe func encodeBlockInEights(
    _ source: UnsafePointer<Float>, into block: UnsafeMutableRawPointer
  ) {
    for channel in stride(from: 0, to: width, by: 8) {
      var range = unsafe EightRanges(source + channel)
      for row in 1..<max(rows, 1) { unsafe range.add(source + (row * width + channel)) }
      let scales = EightScales(range, greatestCode: format.greatestCode, isWide)
      for lane in 0..<8 {
        unsafe store(scales.scale[lane], scales.zero[lane], at: channel + lane, of: block)
      }
      for row in 0..<rows {
        let codes = unsafe scales.codes(of: source + (row * width + channel))
        unsafe isByWord
          ? store(words: codes, row: row, channel: channel, of: block)
          : store(eight: codes, row: row, channel: channel, of: block)
      }
    }
  }

  /// Stores one row of `width` floats with scales of its own.
  @unsafe func encodeRowInEights(
    _ source: UnsafePointer<Float>, row: Int, into block: UnsafeMutableRawPointer
  ) {
    for index in 0..<scales {
      let channels = index * format.group..<(index + 1) * format.group
      var range = unsafe EightRanges(source + channels.lowerBound)
      for channel in stride(from: channels.lowerBound + 8, to: channels.upperBound, by: 8) {
        unsafe range.add(source + channel)
      }
      let scales = EightScales(range.joined, greatestCode: format.greatestCode, isWide)
      unsafe store(
        scales.scale[0], scales.zero[0], at: scale(index, row: row), of: block)
      for channel in stride(from: channels.lowerBound, to: channels.upperBound, by: 8) {
        let eight = unsafe scales.codes(of: source + channel)
        unsafe store(eight: eight, row: row, channel: channel, of: block)
      }
    }
  }

  @unsafe private func store(
    eight codes: SIMD8<UInt32>, row: Int, channel: Int, of block: UnsafeMutableRawPointer
  ) {
    let place = unsafe block + place(row: row, channel: channel).byte
    switch storedBits {
    case 2:
      let word = (codes &* SIMD8(1, 4, 16, 64, 256, 1024, 4096, 16384)).wrappedSum()
      unsafe place.storeBytes(of: UInt16(truncatingIfNeeded: word), as: UInt16.self)
    case 4:
      let powers = SIMD8<UInt32>(
        1, 0x10, 0x100, 0x1000, 0x1_0000, 0x10_0000, 0x100_0000, 0x1000_0000)
      unsafe place.storeBytes(of: (codes &* powers).wrappedSum(), as: UInt32.self)
    default:
      for lane in 0..<8 {
        unsafe place.storeBytes(
          of: UInt8(truncatingIfNeeded: codes[lane]), toByteOffset: lane, as: UInt8.self)
      }
    }
  }

  /// Stores eight codes in a block by words: even channels in the lower half of a word, odd
  /// channels in the upper half.
  @unsafe private func store(
    words codes: SIMD8<UInt32>, row: Int, channel: Int, of block: UnsafeMutableRawPointer
  ) {
    let place = unsafe block + wordOffset(row: row, channel: channel)
    switch storedBits {
    case 2:
      // Eight codes are the lower half of each half of a word, and the next eight are the upper.
      let powers = SIMD8<UInt32>(1, 1 << 16, 1 << 2, 1 << 18, 1 << 4, 1 << 20, 1 << 6, 1 << 22)
      let bits = (codes &* powers).wrappedSum()
      let isUpper = channel % 16 != 0
      let old = unsafe isUpper ? place.load(as: UInt32.self) : 0
      unsafe place.storeBytes(of: isUpper ? old | bits << 8 : bits, as: UInt32.self)
    case 4:
      let powers = SIMD8<UInt32>(1, 1 << 16, 1 << 4, 1 << 20, 1 << 8, 1 << 24, 1 << 12, 1 << 28)
      unsafe place.storeBytes(of: (codes &* powers).wrappedSum(), as: UInt32.self)
    default:
      let powers = SIMD4<UInt32>(1, 1 << 16, 1 << 8, 1 << 24)
      unsafe place.storeBytes(of: (codes.lowHalf &* powers).wrappedSum(), as: UInt32.self)
      unsafe place.storeBytes(
        of: (codes.highHalf &* powers).wrappedSum(), toByteOffset: 4 * rows, as: UInt32.self)
    }
  }
}

/// Eight floats, which need no alignment.
@unsafe @inline(__always)
private func eight(_ elements: UnsafePointer<Float>) -> SIMD8<Float> {
  unsafe UnsafeRawPointer(elements).loadUnaligned(as: SIMD8<Float>.self)
}

/// Least and greatest elements of eight groups.
private struct EightRanges {
  private(set) var least: SIMD8<Float>
  private(set) var greatest: SIMD8<Float>
  /// x − x is 0 for finite numbers and NaN for all others; the sum keeps a NaN.
  private(set) var faults: SIMD8<Float>

  @unsafe @inline(__always)
  init(_ elements: UnsafePointer<Float>) {
    least = unsafe eight(elements)
    greatest = least
    faults = least - least
  }

  @unsafe @inline(__always)
  mutating func add(_ elements: UnsafePointer<Float>) {
    let next = unsafe eight(elements)
    faults += next - next
    least.replace(with: next, where: next .< least)
    greatest.replace(with: next, where: next .> greatest)
  }

  /// The range of all eight groups together, eight times.
  var joined: EightRanges {
    // Element by element: `min()` and `max()` of a vector would compile to calls.
    var (low, high, sum) = (least[0], greatest[0], faults[0])
    for element in 1..<8 {
      if least[element] < low { low = least[element] }
      if greatest[element] > high { high = greatest[element] }
      sum += faults[element]
    }
    var result = self
    result.least = SIMD8(repeating: low)
    result.greatest = SIMD8(repeating: high)
    result.faults = SIMD8(repeating: sum)
    return result
  }
}

/// The scales and zeros of eight groups, as `CodeScale` computes them.
private struct EightScales {
  private(set) var scale: SIMD8<Float>
  private(set) var zero: SIMD8<Float>
  private let greatestCode: SIMD8<Float>

  @inline(__always)
  init(_ range: EightRanges, greatestCode: Int, _ isWide: Bool) {
    self.greatestCode = SIMD8(repeating: Float(greatestCode))
    scale = (range.greatest - range.least) / self.greatestCode + range.faults
    zero = range.least
    if !isWide { (scale, zero) = (EightScales.halved(scale), EightScales.halved(zero)) }
    // x − x is 0 for finite numbers only.
    let isStored = ((scale - scale) .== 0) .& ((zero - zero) .== 0)
    scale.replace(with: .nan, where: .!isStored)
    zero.replace(with: .nan, where: .!isStored)
  }

  /// The codes nearest to eight elements, one of each group; ties go to even codes.
  @unsafe @inline(__always)
  func codes(of elements: UnsafePointer<Float>) -> SIMD8<UInt32> {
    var steps = unsafe (eight(elements) - zero) / scale
    steps.replace(with: 0, where: .!((steps .> 0) .& (scale .> 0)))
    steps.replace(with: greatestCode, where: steps .> greatestCode)
    // Floats near 1.5 × 2²³ are 1 apart: the addition rounds, and the code is in the low bits.
    let bits = steps + SIMD8(repeating: 0x1.8p23)
    // Both types are eight elements of 32 bits.
    return unsafe unsafeBitCast(bits, to: SIMD8<UInt32>.self) & 0xFF
  }

  /// Rounded to 16 bits.
  @inline(__always)
  private static func halved(_ v: SIMD8<Float>) -> SIMD8<Float> {
    SIMD8(
      Float(Float16(v[0])), Float(Float16(v[1])), Float(Float16(v[2])), Float(Float16(v[3])),
      Float(Float16(v[4])), Float(Float16(v[5])), Float(Float16(v[6])), Float(Float16(v[7])))
  }
}
