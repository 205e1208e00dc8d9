/// The addresses of one lane's rows: what an attention kernel needs, and nothing else.
///
/// Row `r` is in slot `s = slots[r]`; slot `s` has index `s % pageRows` in page `s / pageRows`. A
/// page holds `pageRows` keys of `rowBytes` bytes, then `pageRows` values. Every pointer is valid
/// while the store is not mutated.
@unsafe package struct LaneRows {
  /// Live rows.
  package let count: Int
  /// `count` slots.
  package let slots: UnsafePointer<Int32>
  /// Base address of each page of the lane, 64-byte aligned; null for a page with no live row.
  package let pages: UnsafePointer<UnsafeMutableRawPointer?>
  /// Rows per page; a power of two.
  package let pageRows: Int
  /// Elements of a key.
  package let headDimension: Int
  /// How elements are stored.
  package let format: RowFormat
  /// Bytes of a key, or of a value.
  package let rowBytes: Int
  /// Whether `slots[r] == r` for every row: then whole pages can be read as blocks.
  package let isDense: Bool
  /// Where the rows are that are codes; nil if none is. Such a row may have no slot.
  package var codes: LaneCodes?

  /// Describes the rows of one lane.
  package init(
    count: Int, slots: UnsafePointer<Int32>, pages: UnsafePointer<UnsafeMutableRawPointer?>,
    pageRows: Int, headDimension: Int, format: RowFormat, rowBytes: Int, isDense: Bool
  ) {
    unsafe self.count = count
    unsafe self.slots = slots
    unsafe self.pages = pages
    unsafe self.pageRows = pageRows
    unsafe self.headDimension = headDimension
    unsafe self.format = format
    unsafe self.rowBytes = rowBytes
    unsafe self.isDense = isDense
    unsafe codes = nil
  }
}

/// The rows of a lane, or of a list of its rows, that are stored as codes.
@unsafe package struct LaneCodes {
  /// The keys; nil if none of the lane's is a code.
  package let keys: CodedRows?
  /// The values; nil if none of the lane's is a code.
  package let values: CodedRows?
}

/// The keys, or the values, of some rows that are stored as codes. Every pointer is valid while the
/// lane is not changed.
@unsafe package struct CodedRows {
  // The lane keeps the side while the rows are lent.
  private let side: Unmanaged<CodedSide>
  /// Per row: the place of its codes, or -1 for a row in the store's format.
  package let places: UnsafePointer<Int32>
  /// How the blocks of each tier are laid out.
  package let layouts: UnsafeBufferPointer<CodeBlock>
  /// What is stored of a row; nil for all of it.
  package let map: UnsafePointer<KeyMap>?
  private let blocks: UnsafePointer<CodedSide.Block>
  /// The first byte of each block.
  package let addresses: UnsafePointer<UnsafeMutableRawPointer?>
  /// The number of first rows that lie one behind the other from block 0 on.
  package let rowsInOrder: Int
  /// Rows of the blocks that these rows are in are this power of two.
  package let blockShift: Int

  init(
    side: CodedSide, places: UnsafePointer<Int32>, layouts: UnsafeBufferPointer<CodeBlock>,
    map: UnsafePointer<KeyMap>?, blocks: UnsafePointer<CodedSide.Block>,
    addresses: UnsafePointer<UnsafeMutableRawPointer?>, rowsInOrder: Int
  ) {
    unsafe self.side = unsafe .passUnretained(side)
    unsafe (self.places, self.layouts, self.map) = unsafe (places, layouts, map)
    unsafe (self.blocks, self.addresses) = unsafe (blocks, addresses)
    unsafe (self.rowsInOrder, blockShift) = unsafe (
      rowsInOrder, layouts[0].rows.trailingZeroBitCount
    )
  }

  // Callers name a block by the place of a live row, so the block is held and has an entry.

  /// Where the lane notes the address of a block, in 8 bytes; for a prefetch also behind the last
  /// block.
  @unsafe package func note(ofBlock block: Int) -> UnsafeRawPointer {
    unsafe UnsafeRawPointer(addresses + block)
  }

  /// The first byte of a block.
  @unsafe package func address(ofBlock block: Int) -> UnsafeRawPointer {
    // A bug in the store if the block was given back: places are those of live rows only.
    guard let address = unsafe addresses[block] else { preconditionFailure("no such block") }
    return UnsafeRawPointer(address)
  }

  /// The block of a row's codes, its tier, and the row's index in it; nil if the row is in the
  /// store's format.
  @unsafe @inline(__always)
  func place(of row: Int) -> (block: Int, tier: Int, index: Int)? {
    if unsafe row < rowsInOrder {
      let block = unsafe row &>> blockShift
      return unsafe (block, 0, row &- block &<< blockShift)
    }
    let place = unsafe Int(places[row])
    guard place >= 0 else { return nil }
    let (block, index) = (place / CodeBlock.placesPerBlock, place % CodeBlock.placesPerBlock)
    return unsafe (block, Int(blocks[block].tier), index)
  }

  /// The block of a row's codes, its memory, and how many of its rows begin at the row's place; nil
  /// if the row is in the store's format.
  @unsafe package func block(
    ofRow row: Int
  ) -> (number: Int, memory: UnsafeRawBufferPointer, rows: Int)? {
    guard let (block, tier, index) = unsafe place(of: row) else { return nil }
    let memory = unsafe UnsafeRawBufferPointer(
      start: address(ofBlock: block), count: layouts[tier].bytes)
    return unsafe (block, memory, layouts[tier].rows - index)
  }

  /// Decodes a row to as many floats as a head has elements, one number after the other, if the row
  /// is stored as codes: the definition of what kernels compute faster.
  ///
  /// - Returns: whether it is.
  @unsafe package func decode(_ row: Int, to target: UnsafeMutablePointer<Float>) -> Bool {
    let place = unsafe places[row]
    guard place >= 0 else { return false }
    unsafe side._withUnsafeGuaranteedRef { unsafe $0.decode(place: Int(place), to: target) }
    return true
  }
}
