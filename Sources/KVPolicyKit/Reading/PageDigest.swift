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

  /// For each query and each page of a range, the greatest product that a key within the page's
  /// bounds can have with the query: the sum of max(q · smallest, q · greatest) over the channels.
  ///
  /// - Parameters:
  ///   - queries: `count × width` floats.
  ///   - range: indices of pages.
  ///   - bounds: has `count × pages` numbers, query by query, of which those of the range are
  ///     written.
  @unsafe func products(
    _ queries: UnsafePointer<Float>, count: Int, pages range: Range<Int>,
    into bounds: UnsafeMutablePointer<Float>
  ) {
    if isWide {
      unsafe floats.withUnsafeBufferPointer {
        unsafe products($0.baseAddress, queries, count, range, bounds)
      }
    } else {
      unsafe halves.withUnsafeBufferPointer {
        unsafe products($0.baseAddress, queries, count, range, bounds)
      }
    }
  }

  /// The products of one query with every page's bounds.
  func products(_ query: [Float]) -> [Float] {
    precondition(query.count == width, "a query has as many elements as a key")
    var result = [Float](repeating: 0, count: pages.count)
    unsafe query.withUnsafeBufferPointer { query in
      unsafe result.withUnsafeMutableBufferPointer { result in
        guard let query = query.baseAddress, let result = result.baseAddress else { return }
        unsafe products(query, count: 1, pages: pages.indices, into: result)
      }
    }
    return result
  }

  @unsafe private func products<Number: BoundNumber>(
    _ base: UnsafePointer<Number>?, _ queries: UnsafePointer<Float>, _ count: Int,
    _ range: Range<Int>, _ bounds: UnsafeMutablePointer<Float>
  ) {
    guard let base = unsafe base else { return }
    for page in range {
      let numbers = unsafe base + page * 2 * width
      // Prefetches the bounds of the page that comes eight pages later.
      unsafe UnsafeRawPointer(numbers + 16 * width).ask(
        bytes: 2 * width * MemoryLayout<Number>.stride)
      var query = 0
      while query < count {
        let first = unsafe queries + query * width
        let target = unsafe bounds + query * pages.count + page
        let stride = pages.count
        switch count - query {
        case 1: unsafe products(numbers, first, queries: 1, target, stride)
        case 2: unsafe products(numbers, first, queries: 2, target, stride)
        default: unsafe products(numbers, first, queries: 3, target, stride)
        }
        query += 3
      }
    }
  }

  /// The products of up to three queries with one page's bounds, which are converted once.
  /// `queries` is a literal at each use.
  @unsafe @inline(__always)
  private func products<Number: BoundNumber>(
    _ numbers: UnsafePointer<Number>, _ query: UnsafePointer<Float>, queries: Int,
    _ bounds: UnsafeMutablePointer<Float>, _ stride: Int
  ) {
    var (s0, s1, s2) = (SIMD8<Float>.zero, SIMD8<Float>.zero, SIMD8<Float>.zero)
    var channel = 0
    while channel &+ 8 <= width {
      let low = unsafe Number.eight(numbers + channel)
      let high = unsafe Number.eight(numbers + width + channel)
      unsafe add(&s0, low, high, query + channel)
      if queries > 1 { unsafe add(&s1, low, high, query + width + channel) }
      if queries > 2 { unsafe add(&s2, low, high, query + 2 * width + channel) }
      channel &+= 8
    }
    for index in 0..<queries {
      var sum = index == 0 ? s0.sum() : index == 1 ? s1.sum() : s2.sum()
      for channel in channel..<width {
        let (low, high) = unsafe (Float(numbers[channel]), Float(numbers[width + channel]))
        let value = unsafe query[index * width + channel]
        sum += max(value, 0) * high + min(value, 0) * low
      }
      // An infinite key can make a sum that is no number: such a page is worth reading.
      unsafe bounds[index * stride] = sum.isNaN ? .infinity : sum
    }
  }

  /// Positive elements of a query multiply greatest elements, negative ones smallest elements, so
  /// that no maximum of products has to be taken.
  @unsafe @inline(__always)
  private func add(
    _ sum: inout SIMD8<Float>, _ low: SIMD8<Float>, _ high: SIMD8<Float>,
    _ query: UnsafePointer<Float>
  ) {
    // The shift gives −1 where the sign bit is set, else 0.
    let bits = unsafe UnsafeRawPointer(query).loadUnaligned(as: SIMD8<Int32>.self)
    let signs = bits &>> 31
    let positive = unsafe unsafeBitCast(bits & ~signs, to: SIMD8<Float>.self)
    let negative = unsafe unsafeBitCast(bits & signs, to: SIMD8<Float>.self)
    sum += positive * high
    sum += negative * low
  }
}

/// A number that bounds are stored as.
private protocol BoundNumber: BinaryFloatingPoint {
  /// Eight numbers as floats.
  @unsafe static func eight(_ numbers: UnsafePointer<Self>) -> SIMD8<Float>
}

extension Float: BoundNumber {
  @unsafe @inline(__always)
  fileprivate static func eight(_ numbers: UnsafePointer<Float>) -> SIMD8<Float> {
    unsafe UnsafeRawPointer(numbers).loadUnaligned(as: SIMD8<Float>.self)
  }
}

extension Float16: BoundNumber {
  @unsafe @inline(__always)
  fileprivate static func eight(_ numbers: UnsafePointer<Float16>) -> SIMD8<Float> {
    let v = unsafe UnsafeRawPointer(numbers).loadUnaligned(as: SIMD8<Float16>.self)
    // Element by element, as in `RowFormat.decode`.
    return SIMD8<Float>(
      Float(v[0]), Float(v[1]), Float(v[2]), Float(v[3]), Float(v[4]), Float(v[5]), Float(v[6]),
      Float(v[7]))
  }
}
