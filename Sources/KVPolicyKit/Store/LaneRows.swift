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

  fileprivate init(
    side: CodedSide, places: UnsafePointer<Int32>, layouts: UnsafeBufferPointer<CodeBlock>,
    map: UnsafePointer<KeyMap>?, blocks: UnsafePointer<CodedSide.Block>
  ) {
    unsafe self.side = unsafe .passUnretained(side)
    unsafe (self.places, self.layouts, self.map) = unsafe (places, layouts, map)
    unsafe self.blocks = unsafe blocks
  }

  // Callers name a block by the place of a live row, so the block is held and has an entry.

  /// Bytes of what the lane notes of a block.
  package static var entryBytes: Int { MemoryLayout<CodedSide.Block>.stride }

  /// Where the lane notes a block; for a prefetch also behind the last block.
  @unsafe package func entry(ofBlock block: Int) -> UnsafeRawPointer {
    unsafe UnsafeRawPointer(blocks + block)
  }

  /// The first byte of a block.
  @unsafe package func address(ofBlock block: Int) -> UnsafeRawPointer {
    // A bug in the store if the block was given back: places are those of live rows only.
    guard let address = unsafe blocks[block].address else { preconditionFailure("no such block") }
    return UnsafeRawPointer(address)
  }

  /// The tier of a block.
  @unsafe func tier(ofBlock block: Int) -> Int { unsafe Int(blocks[block].tier) }

  /// The block of a row's codes, its memory, and how many of its rows begin at the row's place; nil
  /// if the row is in the store's format.
  @unsafe package func block(
    ofRow row: Int
  ) -> (number: Int, memory: UnsafeRawBufferPointer, rows: Int)? {
    let place = unsafe Int(places[row])
    guard place >= 0 else { return nil }
    let (block, index) = (place / CodeBlock.placesPerBlock, place % CodeBlock.placesPerBlock)
    let tier = unsafe tier(ofBlock: block)
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

extension Lane.Coded {
  /// Lends the places of all rows of the lane.
  @unsafe func withCodes<Result>(_ body: (LaneCodes) -> Result) -> Result {
    unsafe keys.places.withUnsafeBufferPointer { keyPlaces in
      unsafe values.places.withUnsafeBufferPointer { valuePlaces in
        unsafe withCodes(keyPlaces, valuePlaces, body)
      }
    }
  }

  /// Lends the places of a list of rows. The lists are not empty.
  @unsafe func withCodes<Result>(
    _ keyPlaces: UnsafeBufferPointer<Int32>, _ valuePlaces: UnsafeBufferPointer<Int32>,
    _ body: (LaneCodes) -> Result
  ) -> Result {
    unsafe keys.withRows(keyPlaces) { keys in
      unsafe values.withRows(valuePlaces) { values in
        unsafe body(LaneCodes(keys: keys, values: values))
      }
    }
  }
}

extension CodedSide {
  /// Lends rows at some places; nil if no row of the lane is a code.
  @unsafe fileprivate func withRows<Result>(
    _ places: UnsafeBufferPointer<Int32>, _ body: (CodedRows?) -> Result
  ) -> Result {
    guard count > 0 else { return body(nil) }
    return unsafe withMap { map in
      unsafe layouts.withUnsafeBufferPointer { layouts in
        unsafe blocks.withUnsafeBufferPointer { blocks in
          unsafe body(
            CodedRows(
              side: self, places: places.baseAddress.unsafelyUnwrapped, layouts: layouts,
              map: map, blocks: blocks.baseAddress.unsafelyUnwrapped))
        }
      }
    }
  }

  @unsafe private func withMap<Result>(_ body: (UnsafePointer<KeyMap>?) -> Result) -> Result {
    guard let map else { return body(nil) }
    return unsafe withUnsafePointer(to: map) { unsafe body($0) }
  }
}
