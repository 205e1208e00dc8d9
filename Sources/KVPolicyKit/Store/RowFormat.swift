/// How the elements of a cached key or value are stored.
public enum RowFormat: String, CaseIterable, Codable, Sendable {
  /// 32-bit floats: exact, the reference for fidelity tests.
  case f32
  /// 16-bit floats: half the bytes.
  case f16
  /// Blocks of 32 elements, as in GGUF: a 16-bit scale and 32 signed bytes, 34 bytes per block.
  case q8_0

  /// Elements that are stored together; a head dimension must be a multiple of this number.
  public var blockElements: Int { self == .q8_0 ? 32 : 1 }

  /// Bytes of `blockElements` elements.
  public var blockBytes: Int {
    switch self {
    case .f32: 4
    case .f16: 2
    case .q8_0: 34
    }
  }

  /// Bytes of one key, or of one value.
  ///
  /// - Throws: `StoreError.badSetting` if the head dimension is not a multiple of `blockElements`,
  ///   or not from 1 to ``CacheShape/longestKey``.
  public func rowBytes(headDimension: Int) throws(StoreError) -> Int {
    guard 1...CacheShape.longestKey ~= headDimension else {
      throw .badSetting(
        "a head dimension of \(headDimension) is not possible; use 1 to \(CacheShape.longestKey)")
    }
    guard headDimension.isMultiple(of: blockElements) else {
      throw .badSetting(
        "rows in \(rawValue) need a head dimension that is a multiple of \(blockElements), and this one "
          + "is \(headDimension); use f16 or f32")
    }
    return headDimension / blockElements * blockBytes
  }
}

/// Reading and writing a row: the definition of each format, one element at a time where speed does
/// not matter.
extension RowFormat {
  // A row is `rowBytes(headDimension:)` bytes at any address: every access is unaligned.

  /// Element `index` of the row at `row`, as a float.
  @unsafe package func element(_ index: Int, of row: UnsafeRawPointer) -> Float {
    switch self {
    case .f32: return unsafe row.loadUnaligned(fromByteOffset: 4 * index, as: Float.self)
    case .f16: return unsafe Float(row.loadUnaligned(fromByteOffset: 2 * index, as: Float16.self))
    case .q8_0:
      let block = unsafe row + index / 32 * 34
      let integer = unsafe block.load(fromByteOffset: 2 + index % 32, as: Int8.self)
      return unsafe Float(block.loadUnaligned(as: Float16.self)) * Float(integer)
    }
  }

  /// Decodes `count` stored elements, in whole blocks, to floats.
  @unsafe package func decode(
    _ row: UnsafeRawPointer, count: Int, to target: UnsafeMutablePointer<Float>
  ) {
    guard self == .f16 else {
      if self == .f32 {
        unsafe UnsafeMutableRawPointer(target).copyMemory(from: row, byteCount: count * 4)
      } else {
        for index in 0..<count { unsafe target[index] = unsafe element(index, of: row) }
      }
      return
    }
    var index = 0
    while index &+ 8 <= count {
      let v = unsafe (row + 2 * index).loadUnaligned(as: SIMD8<Float16>.self)
      // Element by element, as in `encodeHalves`.
      let floats = SIMD8<Float>(
        Float(v[0]), Float(v[1]), Float(v[2]), Float(v[3]), Float(v[4]), Float(v[5]), Float(v[6]),
        Float(v[7]))
      unsafe UnsafeMutableRawPointer(target + index).storeBytes(of: floats, as: SIMD8<Float>.self)
      index &+= 8
    }
    while index < count {
      unsafe target[index] = unsafe element(index, of: row)
      index &+= 1
    }
  }

  /// The bytes of `values` in this format, as `encode` stores them. `values.count` is a multiple of
  /// `blockElements`.
  package func bytes(of values: [Float]) -> [UInt8] {
    precondition(values.count.isMultiple(of: blockElements), "a row is made of whole blocks")
    let count = values.count / blockElements * blockBytes
    return unsafe [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
      unsafe values.withUnsafeBufferPointer { floats in
        guard let source = floats.baseAddress, let target = bytes.baseAddress else { return }
        // The source has `values.count` floats, and the target has room for their blocks.
        unsafe encode(source, count: floats.count, to: UnsafeMutableRawPointer(target))
        filled = count
      }
    }
  }

  /// Stores `count` floats, a multiple of `blockElements`, as a row.
  ///
  /// Each element becomes the nearest value that the format has. In f16, elements beyond 65504
  /// become infinite. In q8_0, all elements of a block become NaN if one element is not finite, or
  /// beyond 127 × 65504: a fault of the model stays visible, as it does in floats.
  @unsafe package func encode(
    _ source: UnsafePointer<Float>, count: Int, to target: UnsafeMutableRawPointer
  ) {
    switch self {
    case .f32: unsafe target.copyMemory(from: source, byteCount: count * 4)
    case .f16: unsafe encodeHalves(source, count: count, to: target)
    case .q8_0:
      for block in 0..<count / 32 {
        unsafe encodeBlock(source + block &* 32, to: target + block &* 34)
      }
    }
  }
}

@unsafe private func encodeHalves(
  _ source: UnsafePointer<Float>, count: Int, to target: UnsafeMutableRawPointer
) {
  var index = 0
  while index &+ 8 <= count {
    let v = unsafe UnsafeRawPointer(source + index).loadUnaligned(as: SIMD8<Float>.self)
    // Element by element, which compiles to one conversion of eight; the vector initialiser would
    // compile to a call.
    let halves = SIMD8<Float16>(
      Float16(v[0]), Float16(v[1]), Float16(v[2]), Float16(v[3]),
      Float16(v[4]), Float16(v[5]), Float16(v[6]), Float16(v[7]))
    unsafe (target + 2 * index).storeBytes(of: halves, as: SIMD8<Float16>.self)
    index &+= 8
  }
  while index < count {
    unsafe (target + 2 * index).storeBytes(of: Float16(source[index]), as: Float16.self)
    index &+= 1
  }
}

/// Encodes the 32 floats at `source` as the 34 bytes of a block.
///
/// The integers count steps of the scale *as stored*, rounded to 16 bits, so every float is at most
/// half a step from its integer.
@unsafe private func encodeBlock(
  _ source: UnsafePointer<Float>, to target: UnsafeMutableRawPointer
) {
  let x = unsafe UnsafeRawPointer(source)
  let greatest = unsafe greatestSize(x)
  let scale = Float16(greatest / 127)
  guard scale.isFinite else {
    unsafe target.storeBytes(of: .nan, as: Float16.self)
    unsafe (target + 2).initializeMemory(as: Int8.self, repeating: 0, count: 32)
    return
  }
  unsafe target.storeBytes(of: scale, as: Float16.self)
  let inverse = scale == 0 ? 0 : 1 / Float(scale)
  for index in stride(from: 0, to: 32, by: 8) {
    let v = unsafe x.loadUnaligned(fromByteOffset: 4 &* index, as: SIMD8<Float>.self)
    unsafe target.storeBytes(
      of: rounded(v * inverse), toByteOffset: 2 &+ index, as: SIMD8<Int8>.self)
  }
}

/// The greatest absolute value of 32 floats; infinite or a NaN if any float is not finite.
@unsafe @inline(__always)
private func greatestSize(_ x: UnsafeRawPointer) -> Float {
  // Floats without a sign are in the order of their bits, and infinities and NaNs are above all
  // others.
  var top = SIMD8<Int32>.zero
  for index in stride(from: 0, to: 32, by: 8) {
    let bits = unsafe x.loadUnaligned(fromByteOffset: 4 &* index, as: SIMD8<Int32>.self)
    let size = bits & 0x7FFF_FFFF
    top.replace(with: size, where: size .> top)
  }
  // `top.max()` would compile to a call.
  var greatest: Int32 = 0
  for element in 0..<8 { greatest = max(greatest, top[element]) }
  return Float(bitPattern: UInt32(bitPattern: greatest))
}

/// Eight floats of size below 2²² as the nearest integers, ties to even, within ±127.
@inline(__always)
private func rounded(_ v: SIMD8<Float>) -> SIMD8<Int8> {
  // Floats near 1.5 × 2²³, whose bits are 0x4B40_0000, are 1 apart: the addition rounds, and the
  // integer is the difference of the bits. Both types are eight 32-bit elements.
  let sum = v + SIMD8(repeating: 0x1.8p23)
  var near = unsafe unsafeBitCast(sum, to: SIMD8<Int32>.self) &- 0x4B40_0000
  let most = SIMD8<Int32>(repeating: 127)
  near.replace(with: most, where: near .> most)
  near.replace(with: 0 &- most, where: near .< 0 &- most)
  return SIMD8<Int8>(
    Int8(truncatingIfNeeded: near[0]), Int8(truncatingIfNeeded: near[1]),
    Int8(truncatingIfNeeded: near[2]), Int8(truncatingIfNeeded: near[3]),
    Int8(truncatingIfNeeded: near[4]), Int8(truncatingIfNeeded: near[5]),
    Int8(truncatingIfNeeded: near[6]), Int8(truncatingIfNeeded: near[7]))
}
