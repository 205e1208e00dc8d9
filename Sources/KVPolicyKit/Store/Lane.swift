/// One lane: its rows, the slots that hold them, and their columns.
///
/// Rows are numbered from 0 without gaps. `slots` gives the slot of each row's key and value in the
/// lane's pages. While no page is shared, a row's slot equals its number (`isDense`), and dropping
/// a row moves the last row into its slot. A shared page is never written: dropping one of its rows
/// only clears a bit of the live mask.
@safe final class Lane {
  // Slots lie below pages.count × pageRows and hold live rows only; `checkInvariants` proves it.

  /// A page as this lane sees it.
  struct PageReference {
    /// The page, or -1 if no row of it is live and the page was given back.
    var id: PagePool.PageID
    /// Bit s: whether the row in slot s of the page is live.
    var live: UInt64
  }

  let id: LaneID
  let pool: PagePool
  let layout: PageLayout
  let rule: PositionRule
  /// How positions turn keys; nil if nothing turns them.
  var rotation: Rotation?
  var positions: [Int32] = []
  var slots: [Int32] = []
  /// The place of each row, at which its key is rotated; empty under rule `original`.
  var places: [Int32] = []
  var pages: [PageReference] = []
  /// Pages not given back.
  var pagesHeld = 0
  @unsafe var addresses: [UnsafeMutableRawPointer?]
  var columns: [ColumnStorage]
  /// Bounds of the keys by pages of positions; nil if no reader wants them.
  var bounds: PageBounds?
  /// Keys and values that are codes; nil if no codec codes any.
  let coded: Coded?
  /// Whether a fork may still share the columns.
  private var sharesColumns = false
  var isDense = true
  /// Whether the positions ascend with the row numbers.
  var isOrdered = true
  /// Rows dropped so far.
  var dropped = 0
  /// Pages that this lane gave back so far.
  var pagesReturned = 0
  /// Rows that were copied to other slots so far, for tests.
  var rowsCopied = 0

  init(
    _ id: LaneID, pool: PagePool, layout: PageLayout, rule: PositionRule, columns: [Column],
    digest: PageDigest? = nil, coded: Coded? = nil
  ) {
    self.id = id
    self.pool = pool
    self.layout = layout
    self.rule = rule
    self.columns = columns.map { ColumnStorage($0, stride: 0) }
    bounds = digest.map {
      PageBounds($0, width: layout.headDimension, format: layout.format)
    }
    self.coded = coded
    columnRowBytes = columns.reduce(0) { total, column in
      let (sum, overflows) = total.addingReportingOverflow(column.rowBytes)
      return overflows ? .max : sum
    }
    unsafe addresses = []
  }

  /// A fork: shares every page, and every column until one of the two lanes writes it.
  init(forking other: Lane) {
    id = other.id
    pool = other.pool
    layout = other.layout
    rule = other.rule
    rotation = other.rotation
    positions = other.positions
    slots = other.slots
    places = other.places
    pages = other.pages
    pagesHeld = other.pagesHeld
    unsafe addresses = other.addresses
    columns = other.columns
    bounds = other.bounds
    coded = other.coded.map { Coded(forking: $0) }
    sharesColumns = true
    other.sharesColumns = true
    columnRowBytes = other.columnRowBytes
    isDense = other.isDense
    isOrdered = other.isOrdered
    dropped = other.dropped
    pagesReturned = other.pagesReturned
    pool.retain(pages)
  }

  deinit {
    for page in pages where page.id >= 0 { pool.release(page.id) }
  }

  var count: Int { positions.count }
  var columnBytes: Int { columns.reduce(0) { $0 + $1.bytes } }
  /// Bytes of the columns and of the bounds of keys.
  var policyBytes: Int { columnBytes + (bounds?.bytes ?? 0) }
  /// Bytes of one row in all columns; `Int.max` if the sum overflows.
  let columnRowBytes: Int

  /// Bytes of pages, columns, bounds and bookkeeping.
  var bytes: Int {
    // Each row has a position, a slot and, unless the rule is `original`, a place.
    let perRow = count * (rule == .original ? 2 : 3) * 4
    let perPage = pages.count * 24
    return pagesHeld * layout.pageBytes + policyBytes + perRow + perPage + (coded?.bytes ?? 0)
  }

  /// The column, copied first if a fork shares it.
  func ownColumn(_ index: Int) -> ColumnStorage {
    // The uniqueness check takes longer than the work of most callers.
    guard sharesColumns else { return columns[index] }
    if !isKnownUniquelyReferenced(&columns[index]) {
      let shared = columns[index]
      columns[index] = ColumnStorage(copying: shared, count: count, stride: shared.stride)
    }
    return columns[index]
  }

  /// The column for reading. A fork that shares it may be reading at the same time, on another
  /// thread, so that no memory is allocated in a shared one.
  func readableColumn(_ index: Int) -> ColumnStorage {
    columns[index].bytes == 0 ? ownColumn(index) : columns[index]
  }

  /// Rows in ascending position.
  func rowsByPosition() -> [Int] {
    let rows = Array(0..<count)
    return isOrdered ? rows : rows.sorted { positions[$0] < positions[$1] }
  }

  /// The address of a slot's key or value.
  @unsafe func address(slot: Int, value: Bool) -> UnsafeMutableRawPointer {
    let (page, index) = (slot / layout.pageRows, slot % layout.pageRows)
    guard let base = unsafe addresses[page] else {
      // A bug in the store: callers name slots of live rows only (`checkInvariants`), whatever the
      // input.
      preconditionFailure("a slot of a page that was given back holds no row")
    }
    return unsafe base + (value ? layout.valueOffset : 0) + index * layout.rowBytes
  }

  /// A row's key or value as floats.
  func vector(_ row: Int, value: Bool) -> [Float] {
    precondition(row >= 0 && row < count, "no such row in the lane")
    let width = layout.headDimension
    return unsafe [Float](unsafeUninitializedCapacity: width) { floats, filled in
      guard let target = floats.baseAddress else { return }
      unsafe decode(row, value: value, to: target)
      filled = width
    }
  }

  /// The keys or values of some rows as floats, row after row.
  func vectors(of rows: some Collection<Int>, isValue: Bool) -> [Float] {
    let width = layout.headDimension
    let total = rows.count * width
    return unsafe [Float](unsafeUninitializedCapacity: total) { floats, filled in
      guard var target = floats.baseAddress else { return }
      // The buffer has room for `width` floats of each row.
      for row in rows {
        precondition(row >= 0 && row < count, "no such row in the lane")
        unsafe decode(row, value: isValue, to: target)
        unsafe target += width
      }
      filled = total
    }
  }

  /// Lends the lane's rows to an attention kernel; the pointers are valid inside `body` only.
  @unsafe func withRows<Result>(_ body: (LaneRows) -> Result) -> Result {
    unsafe slots.withUnsafeBufferPointer { slots in
      unsafe addresses.withUnsafeBufferPointer { addresses in
        // An empty array may have no base address; a dangling pointer stands in, which is never
        // read.
        let slotBase = unsafe slots.baseAddress ?? UnsafePointer(bitPattern: 64).unsafelyUnwrapped
        let pageBase =
          unsafe addresses.baseAddress ?? UnsafePointer(bitPattern: 64).unsafelyUnwrapped
        var rows = unsafe LaneRows(
          count: count, slots: slotBase, pages: pageBase, pageRows: layout.pageRows,
          headDimension: layout.headDimension, format: layout.format, rowBytes: layout.rowBytes,
          isDense: isDense)
        if hasCodes, let coded {
          unsafe rows.codes = unsafe LaneCodes(keys: coded.keys.lend(), values: coded.values.lend())
        }
        return unsafe body(rows)
      }
    }
  }
}

/// How a page is laid out: `pageRows` keys, then `pageRows` values.
struct PageLayout: Hashable, Sendable {
  /// Rows of a page: a power of two up to 64, so that a live mask is one word.
  let pageRows: Int
  let headDimension: Int
  let format: RowFormat
  /// Bytes of a key, or of a value. Rows follow each other without padding, so a row may start at
  /// any address.
  let rowBytes: Int

  init(pageRows: Int, headDimension: Int, format: RowFormat) throws(StoreError) {
    self.pageRows = pageRows
    self.headDimension = headDimension
    self.format = format
    rowBytes = try format.rowBytes(headDimension: headDimension)
  }

  var valueOffset: Int { pageRows * rowBytes }
  /// Rounded up to 64, so that every page starts on a cache line.
  var pageBytes: Int { (2 * valueOffset + 63) / 64 * 64 }
  var fullMask: UInt64 { pageRows == 64 ? .max : (1 << UInt64(pageRows)) - 1 }
}
