/// Bounds that the store keeps of the keys of every page of positions: of each channel the smallest
/// and the greatest element.
///
/// A page is a range of `rows` positions, whatever pages the store holds rows in. Its bounds follow
/// appending, forgetting and forking. They hold for every key of the page, and are exact until a
/// row of the page is dropped by itself; a drop of more than four rows computes the lane's bounds
/// anew.
///
/// Where rows are stored as 32-bit floats, bounds are too; else they are 16-bit floats, rounded
/// outwards. They count as the policy's memory.
public struct PageDigest: Hashable, Sendable {
  /// Positions of a page; at least 1.
  public let rows: Int

  /// Pages of `rows` positions. ``PolicyAssignment`` refuses fewer than one.
  public init(rows: Int) { self.rows = rows }
}

/// The bounds of the keys of one lane.
struct PageBounds {
  /// A page that has rows.
  struct Page: Hashable {
    /// The page's number: its first position divided by the positions of a page.
    let number: Int32
    /// Rows of the lane in the page.
    var rows: Int32
  }

  /// Positions of a page.
  let size: Int
  /// Elements of a key.
  private let width: Int
  private let isWide: Bool
  /// Pages with rows, in ascending order.
  private(set) var pages: [Page] = []
  // Of each page `width` smallest elements, then `width` greatest ones; one of the two is in use.
  // Pages that were removed leave their room at the end for the next ones.
  private var floats: [Float] = []
  private var halves: [Float16] = []

  init(_ digest: PageDigest, width: Int, format: RowFormat) {
    (size, self.width, isWide) = (digest.rows, width, format == .f32)
  }

  /// Bytes of a page's bounds.
  static func bytes(width: Int, _ format: RowFormat) -> Int { 2 * width * (format == .f32 ? 4 : 2) }

  /// Bytes of all bounds, and of what is known about the pages.
  var bytes: Int {
    floats.count * 4 + halves.count * 2 + pages.count * MemoryLayout<Page>.stride
  }

  /// The positions of a page.
  func positions(_ page: Int) -> Range<Int> {
    let first = Int(pages[page].number) * size
    return first..<first + size
  }

  /// Adds a row's key. Its position is in the last page or after it.
  @unsafe mutating func add(_ key: UnsafePointer<Float>, at position: Int32) {
    let number = position / Int32(clamping: size)
    if pages.last?.number != number {
      pages.append(Page(number: number, rows: 0))
      let page = pages.count - 1
      if isWide { Self.open(&floats, page, width) } else { Self.open(&halves, page, width) }
    }
    pages[pages.count - 1].rows += 1
    let first = (pages.count - 1) * 2 * width
    if isWide {
      unsafe Self.widen(&floats, first, width, key)
    } else {
      unsafe Self.widen(&halves, first, width, key)
    }
  }

  /// Empties the bounds of a page, whose keys are then all added again.
  mutating func clear(_ page: Int) {
    if isWide { Self.open(&floats, page, width) } else { Self.open(&halves, page, width) }
  }

  /// Widens the bounds of a page, so that they hold for a key.
  @unsafe mutating func widen(_ page: Int, by key: UnsafePointer<Float>) {
    if isWide {
      unsafe Self.widen(&floats, page * 2 * width, width, key)
    } else {
      unsafe Self.widen(&halves, page * 2 * width, width, key)
    }
  }

  /// Forgets the row at a position.
  mutating func remove(_ position: Int32) {
    let page = index(of: position / Int32(clamping: size))
    pages[page].rows -= 1
    guard pages[page].rows == 0 else { return }
    pages.remove(at: page)
    let end = pages.count
    if isWide {
      Self.close(&floats, page..<end, width)
    } else {
      Self.close(&halves, page..<end, width)
    }
  }

  /// Forgets all rows.
  mutating func removeAll() { (pages, floats, halves) = ([], [], []) }

  /// The index of the page with this number, which has rows.
  func index(of number: Int32) -> Int {
    var (low, high) = (0, pages.count)
    while low < high {
      let middle = (low + high) / 2
      if pages[middle].number < number { low = middle + 1 } else { high = middle }
    }
    return low
  }

  // Static, because a method would be given a copy of the bounds, beside which the numbers are not
  // unique: each call would copy all of them.

  /// Begins the bounds of a page after the others.
  private static func open<Number: BoundNumber>(
    _ numbers: inout [Number], _ page: Int, _ width: Int
  ) {
    let first = page * 2 * width
    while numbers.count < first + 2 * width { numbers.append(0) }
    for channel in first..<first + width {
      (numbers[channel], numbers[width + channel]) = (.infinity, -.infinity)
    }
  }

  /// Moves the bounds of later pages to where those of a page were that has been removed, which is
  /// the first of these pages.
  private static func close<Number: BoundNumber>(
    _ numbers: inout [Number], _ pages: Range<Int>, _ width: Int
  ) {
    for index in pages.lowerBound * 2 * width..<pages.upperBound * 2 * width {
      numbers[index] = numbers[index + 2 * width]
    }
  }

  /// Widens the bounds that begin at `first`, so that they hold for a key.
  @unsafe private static func widen<Number: BoundNumber>(
    _ numbers: inout [Number], _ first: Int, _ width: Int, _ key: UnsafePointer<Float>
  ) {
    for channel in 0..<width {
      let value = unsafe key[channel]
      let (low, high) = (first + channel, first + width + channel)
      if value < Float(numbers[low]) {
        let rounded = Number(value)
        numbers[low] = Float(rounded) > value ? rounded.nextDown : rounded
      }
      if value > Float(numbers[high]) {
        let rounded = Number(value)
        numbers[high] = Float(rounded) < value ? rounded.nextUp : rounded
      }
    }
  }

  /// For each page the greatest product that a key within the page's bounds can have with a query:
  /// the sum of max(q · smallest, q · greatest) over the channels, in the order of `Span.dot`.
  func products(_ query: some RandomAccessCollection<Float>) -> [Float] {
    precondition(query.count == width, "a query has as many elements as a key")
    let numbers = isWide ? floats : halves.map { Float($0) }
    return pages.indices.map { page in
      let low = page * 2 * width
      var sums = SIMD8<Float>.zero
      for (channel, q) in query.enumerated() {
        let (least, greatest) = (numbers[low + channel], numbers[low + width + channel])
        sums[channel % 8] += min(q, 0) * least + max(q, 0) * greatest
      }
      // An infinite key can make a sum that is no number: such a page is worth reading.
      return sums.sum().isNaN ? .infinity : sums.sum()
    }
  }

  /// Lends the numbers of all pages, if there are any: of each page `width` smallest elements, then
  /// `width` greatest ones.
  @unsafe func withNumbers(
    _ body: (_ numbers: UnsafeRawPointer, _ pages: Int, _ format: RowFormat) -> Void
  ) {
    let (count, format) = (pages.count, isWide ? RowFormat.f32 : .f16)
    func lend(_ bytes: UnsafeRawBufferPointer) {
      if let base = bytes.baseAddress { unsafe body(base, count, format) }
    }
    unsafe isWide ? floats.withUnsafeBytes(lend) : halves.withUnsafeBytes(lend)
  }
}

/// A number that bounds are stored as.
private protocol BoundNumber: BinaryFloatingPoint {}
extension Float: BoundNumber {}
extension Float16: BoundNumber {}
