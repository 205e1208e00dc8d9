#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The memory of a store: pages of equal size, reference counts, one limit.
///
/// Pages live in slabs of 256. The lowest slab with a free page is used first, so that the last
/// slabs become empty and go back to the operating system. The memory of free pages in the
/// remaining slabs goes back too, once it is enough to be worth a call: see `giveBackFreePages`.
@safe final class PagePool {
  // Every address handed out lies in a mapped slab; a slab is unmapped only when none of its pages
  // is referenced.
  typealias PageID = Int32

  @safe private struct Slab {
    @unsafe var base: UnsafeMutableRawPointer
    /// The last element is used next.
    var free: [PageID]
    /// How many pages at the start of `free` take no memory, because they were not used since they
    /// were mapped or given back.
    var untouched: Int

    /// Free pages that still take memory.
    var idle: Int { free.count - untouched }
  }

  static let slabPages = 256
  let pageBytes: Int
  /// What the pools of a store share: a limit, and the bytes in use.
  final class Limit {
    let bytes: Int
    fileprivate(set) var used = 0
    init(bytes: Int) { self.bytes = bytes }
  }

  let limit: Limit
  var limitBytes: Int { limit.bytes }
  private var slabs: [Slab?] = []
  private var references: [Int32] = []
  /// Free pages that still take memory, in all slabs.
  private var idle = 0
  /// Pages in use.
  private(set) var used = 0 {
    didSet { limit.used += (used - oldValue) * pageBytes }
  }
  /// Pages given back since the pool was made.
  private(set) var returned = 0
  /// The most pages ever in use.
  private(set) var peakUsed = 0

  init(pageBytes: Int, limit: Limit) {
    self.pageBytes = pageBytes
    self.limit = limit
  }

  deinit {
    for slab in slabs { if let slab { unsafe unmap(slab.base) } }
  }

  /// Pages that may still be taken.
  var freePages: Int {
    min(max(0, limit.bytes - limit.used) / pageBytes, Int(Int32.max) - used)
  }
  /// Bytes mapped from the operating system.
  var mappedBytes: Int { slabs.count { $0 != nil } * PagePool.slabPages * pageBytes }

  /// Takes a page with one reference; its contents are undefined.
  func allocate() throws(StoreError) -> PageID {
    guard freePages > 0 else {
      throw .poolFull(neededPages: 1, freePages: 0, limitBytes: limitBytes)
    }
    let index = slabs.firstIndex { !($0?.free.isEmpty ?? true) } ?? addSlab()
    guard let page = takePage(ofSlab: index) else {
      throw .badSetting("the operating system gave no memory for the cache")
    }
    references[Int(page)] = 1
    used += 1
    peakUsed = max(peakUsed, used)
    return page
  }

  private func takePage(ofSlab index: Int) -> PageID? {
    guard let page = slabs[index]?.free.popLast(), let slab = slabs[index] else { return nil }
    if slab.untouched > slab.free.count {
      slabs[index]?.untouched = slab.free.count
    } else {
      idle -= 1
    }
    return page
  }

  /// Adds one reference to each page that was not given back.
  func retain(_ pages: [Lane.PageReference]) { Self.count(pages, in: &references) }

  /// One exclusive access for all pages: nothing else in a fork grows with the number of rows.
  private static func count(_ pages: [Lane.PageReference], in references: inout [Int32]) {
    for page in pages where page.id >= 0 { references[Int(page.id)] += 1 }
  }

  /// Adds one reference to a page in use.
  func retain(_ page: PageID) { references[Int(page)] += 1 }

  /// Removes one reference; removing the last one frees the page.
  func release(_ page: PageID) {
    references[Int(page)] -= 1
    precondition(references[Int(page)] >= 0, "a page was released more often than retained")
    guard references[Int(page)] == 0 else { return }
    used -= 1
    returned += 1
    let index = Int(page) / PagePool.slabPages
    slabs[index]?.free.append(page)
    idle += 1
    if slabs[index]?.free.count == PagePool.slabPages { giveBack(slab: index) }
    // Wait for a slab's worth of idle pages, or a sixteenth of the pages in use: so each call pays
    // for many pages, and a cache of constant size, which frees one page and takes another, never
    // calls.
    if idle > max(PagePool.slabPages, used / 16) { giveBackFreePages() }
  }

  /// Counts some released pages as moved instead of given back: their rows are in new pages now.
  func countMoved(pages: Int) { returned -= pages }

  /// Whether only one reference exists, so that the page may be written.
  func isPrivate(_ page: PageID) -> Bool { references[Int(page)] == 1 }

  /// The reference count of a page, for the invariants.
  func referenceCount(_ page: PageID) -> Int { Int(references[Int(page)]) }

  /// The address of a page in use.
  @unsafe func address(_ page: PageID) -> UnsafeMutableRawPointer {
    guard let slab = slabs[Int(page) / PagePool.slabPages] else {
      // A bug in the store: a slab is given back only when none of its pages is referenced,
      // whatever the input.
      preconditionFailure("a page of a slab that was given back is not in use")
    }
    return unsafe slab.base + (Int(page) % PagePool.slabPages) * pageBytes
  }

  /// The sum of all reference counts, and whether free and used pages add up to the mapped pages.
  func audit() -> (references: Int, isSound: Bool) {
    let free = slabs.reduce(0) { $0 + ($1?.free.count ?? 0) }
    let mapped = slabs.count { $0 != nil } * PagePool.slabPages
    let live = references.count { $0 > 0 }
    return (references.reduce(0) { $0 + Int($1) }, live == used && free + used == mapped)
  }

  /// Maps a slab in the lowest gap and returns its index; without memory, the slab at this index
  /// stays nil.
  private func addSlab() -> Int {
    let index = slabs.firstIndex { $0 == nil } ?? slabs.count
    if index == slabs.count {
      slabs.append(nil)
      references.append(contentsOf: repeatElement(0, count: PagePool.slabPages))
    }
    let bytes = PagePool.slabPages * pageBytes
    let base = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let base = unsafe base, unsafe base != MAP_FAILED else { return index }
    let first = PageID(index * PagePool.slabPages)
    let pages = (0..<PageID(PagePool.slabPages)).reversed().map { first + $0 }
    unsafe slabs[index] = Slab(base: base, free: pages, untouched: pages.count)
    return index
  }

  /// Unmaps an empty slab, unless it is the only slab with free pages: the next page would map it
  /// again. When no page is in use, unmaps all slabs.
  private func giveBack(slab index: Int) {
    guard used > 0 else {
      for slab in slabs { if let slab { unsafe unmap(slab.base) } }
      slabs = slabs.map { _ in nil }
      idle = 0
      return
    }
    let others = slabs.indices.contains { $0 != index && !(slabs[$0]?.free.isEmpty ?? true) }
    guard others, let slab = slabs[index] else { return }
    unsafe unmap(slab.base)
    idle -= slab.idle
    slabs[index] = nil
  }

  /// Gives the memory of free pages back to the operating system. The addresses stay mapped, and a
  /// write allocates memory again.
  ///
  /// Without this method, lanes that keep a few rows each would hold on to all slabs they once
  /// filled.
  private func giveBackFreePages() {
    for index in slabs.indices {
      guard let slab = slabs[index], slab.idle > 0 else { continue }
      let first = PageID(index * PagePool.slabPages)
      // From the last to the first, so that the lowest page is used next.
      let free = slab.free.sorted(by: >)
      var run = 0
      for (place, page) in free.enumerated() {
        run += 1
        guard place + 1 == free.count || free[place + 1] != page - 1 else { continue }
        // A stretch of free pages of this slab that starts at `page`.
        unsafe discard(slab.base + Int(page - first) * pageBytes, bytes: run * pageBytes)
        run = 0
      }
      slabs[index]?.free = free
      slabs[index]?.untouched = free.count
    }
    idle = 0
  }

  /// Gives back the operating system's pages that lie wholly between `start` and `start + bytes`.
  @unsafe private func discard(_ start: UnsafeMutableRawPointer, bytes: Int) {
    let unit = UInt(sysconf(Int32(_SC_PAGESIZE)))
    let first = (UInt(bitPattern: start) + unit - 1) / unit * unit
    let end = (UInt(bitPattern: start) + UInt(bytes)) / unit * unit
    guard first < end, let address = unsafe UnsafeMutableRawPointer(bitPattern: first) else {
      return
    }
    #if canImport(Glibc)
      _ = unsafe madvise(address, Int(end - first), MADV_DONTNEED)
    #else
      _ = unsafe madvise(address, Int(end - first), MADV_FREE)
    #endif
  }

  @unsafe private func unmap(_ base: UnsafeMutableRawPointer) {
    _ = unsafe munmap(base, PagePool.slabPages * pageBytes)
  }
}
