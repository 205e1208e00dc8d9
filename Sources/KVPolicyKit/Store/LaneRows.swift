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
  // The lane keeps both sides while the rows are lent.
  let keys: Unmanaged<CodedSide>
  let values: Unmanaged<CodedSide>
  /// Per row: the place of its key's codes, or -1.
  let keyPlaces: UnsafePointer<Int32>
  /// Per row: the place of its value's codes, or -1.
  let valuePlaces: UnsafePointer<Int32>

  /// Decodes the key or value of a row to `headDimension` floats, if it is stored as codes.
  ///
  /// - Returns: whether it is.
  @unsafe package func decode(
    _ row: Int, value: Bool, to target: UnsafeMutablePointer<Float>
  ) -> Bool {
    let place = unsafe value ? valuePlaces[row] : keyPlaces[row]
    guard place >= 0 else { return false }
    let side = unsafe value ? values : keys
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
    unsafe body(
      LaneCodes(
        keys: .passUnretained(keys), values: .passUnretained(values),
        keyPlaces: keyPlaces.baseAddress.unsafelyUnwrapped,
        valuePlaces: valuePlaces.baseAddress.unsafelyUnwrapped))
  }
}
