/// How some rows' keys, or values, lie in a block of memory as codes.
///
/// ```text
/// .ofChannel   scale of each channel, zero of each channel, then word 0 of row 0, of row 1, …, of
///              the last row, word 1 of row 0, …
/// .ofRow       scales of group 0 of all rows, scales of group 1, …, zeros in the same order, codes
/// ```
///
/// Where rows share scales (`.ofChannel`), neighbouring words of memory belong to neighbouring
/// rows, so that each element of a vector can be the sum of one row. A word of 32 bits has the
/// codes of neighbouring channels: even channels in its lower half, odd channels in its upper half,
/// both from the lowest bits on. So the two channels of a pair are two integers of 16 bits in one
/// word. If the rows are no multiple of eight, or a row's codes are no whole words, the codes of a
/// row are contiguous instead.
///
/// Where rows have scales of their own (`.ofRow`), the scales of neighbouring rows are read
/// together. The codes of a row are contiguous, and seldom cross a cache line: channel 0 is in the
/// lowest bits of the first byte.
///
/// Scales and zeros are 32-bit floats in a store of 32-bit floats, else 16-bit floats. Kernels may
/// not assume that an address in a block is aligned.
package struct CodeBlock: Hashable, Sendable {
  package let format: CodeFormat
  /// Channels of a row.
  package let width: Int
  /// Whether scales and zeros are 32-bit floats.
  package let isWide: Bool
  /// Rows of a block.
  package let rows: Int
  /// The number of scales, and of zeros, that rows have: one for each group of a row, or one for
  /// each channel of the block.
  package let scales: Int
  /// Bytes of a row's codes.
  package let rowBytes: Int
  /// Where in the block the codes of row 0 begin.
  package let firstCode: Int
  /// Bytes of a block, rounded up to 64, so that every block starts on a cache line.
  package let bytes: Int

  /// Places in a block: `CodeFormat.legalGroups` allows no more.
  @inlinable @inline(__always) package static var placesPerBlock: Int { 256 }

  /// - Throws: `StoreError.badSetting` for a format that rows of this width cannot have.
  package init(_ format: CodeFormat, width: Int, isWide: Bool) throws(StoreError) {
    if let problem = format.problem(width: width) { throw .badSetting(problem) }
    self.format = format
    self.width = width
    self.isWide = isWide
    if format == .floats {
      (rows, scales, firstCode) = (format.blockRows, 0, 0)
      rowBytes = width * (isWide ? 4 : 2)
      bytes = Self.wholeLines(rows * rowBytes)
      return
    }
    let ofRow = format.grouping == .ofRow
    rows = ofRow ? format.blockRows : format.group
    scales = ofRow ? width / format.group : width
    firstCode = 2 * scales * (ofRow ? rows : 1) * (isWide ? 4 : 2)
    // A row's codes end with a whole byte.
    rowBytes = (width * format.storedBits + 7) / 8
    bytes = Self.wholeLines(firstCode + rows * rowBytes)
  }

  private static func wholeLines(_ bytes: Int) -> Int { (bytes + 63) / 64 * 64 }

  /// Bits that a code takes in memory; 0 for floats.
  package var storedBits: Int { format.storedBits }

  /// A row's part of a full block, rounded up.
  package var bytesPerRow: Int { (bytes + rows - 1) / rows }

  /// The number of scales in the block, which is the index of the first zero.
  package var firstZero: Int { format.grouping == .ofRow ? scales * rows : scales }

  /// The index of a row's scale of a group, or of a channel where rows share scales.
  func scale(_ group: Int, row: Int) -> Int {
    format.grouping == .ofRow ? group * rows + row : group
  }

  /// Whether neighbouring words belong to neighbouring rows.
  package var isByWord: Bool {
    format.grouping == .ofChannel && rows.isMultiple(of: 8) && rowBytes.isMultiple(of: 4)
  }

  /// Where a code begins: a byte of the block, and a bit of this byte.
  func place(row: Int, channel: Int) -> (byte: Int, bit: Int) {
    guard isByWord else {
      let bit = channel * storedBits
      return (firstCode + row * rowBytes + bit / 8, bit % 8)
    }
    let channels = 32 / storedBits
    let bit = channel % 2 * 16 + channel % channels / 2 * storedBits
    return (wordOffset(row: row, channel: channel) + bit / 8, bit % 8)
  }

  /// Where the word with a channel's code begins, in a block by words.
  func wordOffset(row: Int, channel: Int) -> Int {
    firstCode + 4 * (channel * storedBits / 32 * rows + row)
  }
}

/// Reading and writing: the definition, one element at a time.
extension CodeBlock {
  // Rows are below `rows` and channels below `width`, so every access lies in the block.

  /// Stores a whole group of rows, `rows × width` floats.
  @unsafe package func encodeBlock(
    _ source: UnsafePointer<Float>, into block: UnsafeMutableRawPointer
  ) {
    precondition(format.grouping == .ofChannel, "rows with scales of their own are stored singly")
    if isInEights { return unsafe encodeBlockInEights(source, into: block) }
    for channel in 0..<width {
      let scale = unsafe CodeScale(
        source + channel, stride: width, count: rows, greatestCode: format.greatestCode, isWide)
      unsafe store(scale.scale, scale.zero, at: channel, of: block)
      for row in 0..<rows {
        unsafe store(
          scale.code(of: source[row * width + channel]), row: row, channel: channel, of: block)
      }
    }
  }

  /// Stores one row of `width` floats with scales of its own.
  @unsafe package func encodeRow(
    _ source: UnsafePointer<Float>, row: Int, into block: UnsafeMutableRawPointer
  ) {
    precondition(format.grouping == .ofRow, "rows that share scales are stored together")
    if format == .floats {
      return unsafe floats.encode(source, count: width, to: block + row * rowBytes)
    }
    if isInEights { return unsafe encodeRowInEights(source, row: row, into: block) }
    for group in 0..<scales {
      let first = group * format.group
      let scale = unsafe CodeScale(
        source + first, stride: 1, count: format.group, greatestCode: format.greatestCode, isWide)
      unsafe store(scale.scale, scale.zero, at: self.scale(group, row: row), of: block)
      for channel in first..<first + format.group {
        unsafe store(scale.code(of: source[channel]), row: row, channel: channel, of: block)
      }
    }
  }

  /// Reads one row back as `width` floats.
  @unsafe package func decodeRow(
    _ row: Int, of block: UnsafeRawPointer, to target: UnsafeMutablePointer<Float>
  ) {
    if format == .floats {
      return unsafe floats.decode(block + row * rowBytes, count: width, to: target)
    }
    for channel in 0..<width {
      let group = format.grouping == .ofRow ? channel / format.group : channel
      let (code, index) = unsafe (code(row, channel, of: block), scale(group, row: row))
      unsafe target[channel] =
        Float(code) * float(index, block) + float(firstZero + index, block)
    }
  }

  /// How floats are stored.
  private var floats: RowFormat { isWide ? .f32 : .f16 }

  /// The code of one element.
  @unsafe package func code(_ row: Int, _ channel: Int, of block: UnsafeRawPointer) -> UInt8 {
    let (offset, bit) = place(row: row, channel: channel)
    let byte = unsafe block.load(fromByteOffset: offset, as: UInt8.self)
    return byte >> UInt8(bit) & UInt8((1 << storedBits) - 1)
  }

  /// Scale `index` of a block, or from `firstZero` on a zero.
  @unsafe func float(_ index: Int, _ block: UnsafeRawPointer) -> Float {
    unsafe isWide
      ? block.loadUnaligned(fromByteOffset: 4 * index, as: Float.self)
      : Float(block.loadUnaligned(fromByteOffset: 2 * index, as: Float16.self))
  }

  /// Stores scale and zero `index` of a block.
  @unsafe func store(
    _ scale: Float, _ zero: Float, at index: Int, of block: UnsafeMutableRawPointer
  ) {
    let (first, second) = (index, firstZero + index)
    if isWide {
      unsafe block.storeBytes(of: scale, toByteOffset: 4 * first, as: Float.self)
      unsafe block.storeBytes(of: zero, toByteOffset: 4 * second, as: Float.self)
    } else {
      unsafe block.storeBytes(of: Float16(scale), toByteOffset: 2 * first, as: Float16.self)
      unsafe block.storeBytes(of: Float16(zero), toByteOffset: 2 * second, as: Float16.self)
    }
  }

  @unsafe private func store(
    _ code: UInt8, row: Int, channel: Int, of block: UnsafeMutableRawPointer
  ) {
    let (offset, bit) = place(row: row, channel: channel)
    let mask = UInt8((1 << storedBits) - 1) << UInt8(bit)
    let byte = unsafe block.load(fromByteOffset: offset, as: UInt8.self)
    unsafe block.storeBytes(
      of: byte & ~mask | code << UInt8(bit), toByteOffset: offset, as: UInt8.self)
  }
}

/// The scale and the zero of one group, as they are stored.
package struct CodeScale: Hashable, Sendable {
  /// The value of one step; not a number if some element is not finite or the range has no scale.
  package let scale: Float
  /// What code 0 stands for.
  package let zero: Float
  private let greatestCode: Float

  /// The scale of `count` elements, `stride` floats apart.
  ///
  /// Codes count steps of the scale *as stored*, from the zero as stored. Elements that these
  /// roundings leave outside the codes' range take the nearest code.
  @unsafe init(
    _ elements: UnsafePointer<Float>, stride: Int, count: Int, greatestCode: Int, _ isWide: Bool
  ) {
    var (least, greatest) = unsafe (elements[0], elements[0])
    // x − x is 0 for finite numbers and NaN for all others; the sum keeps a NaN.
    var faults: Float = 0
    for index in 0..<count {
      let element = unsafe elements[index * stride]
      faults += element - element
      least = min(least, element)
      greatest = max(greatest, element)
    }
    self.greatestCode = Float(greatestCode)
    let step = (greatest - least) / Float(greatestCode) + faults
    let stored = isWide ? (step, least) : (Float(Float16(step)), Float(Float16(least)))
    let isStored = stored.0.isFinite && stored.1.isFinite
    scale = isStored ? stored.0 : .nan
    zero = isStored ? stored.1 : .nan
  }

  /// The code nearest to an element; ties go to the even code.
  func code(of element: Float) -> UInt8 {
    guard scale > 0 else { return 0 }
    let steps = ((element - zero) / scale).rounded(.toNearestOrEven)
    return UInt8(min(max(steps, 0), greatestCode))
  }
}
