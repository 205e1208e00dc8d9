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
  }
}
