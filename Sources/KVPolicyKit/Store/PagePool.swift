#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The memory of a store: equal pages, counted references, one limit.
///
/// Pages live in slabs of 256. The lowest free page is used first, so that the last slabs empty and go
/// back to the operating system.
@safe final class PagePool {
  // Every address handed out lies in a mapped slab; a slab is unmapped only when none of its pages is
  // referenced.
  typealias PageID = Int32

  @safe private struct Slab {
    @unsafe var base: UnsafeMutableRawPointer
    var free: [PageID]
  }

  static let slabPages = 256
  let pageBytes: Int
  let limitBytes: Int
  private var slabs: [Slab?] = []
  private var references: [Int32] = []
  /// Pages in use.
  private(set) var used = 0
  /// Pages given back since the pool was made.
  private(set) var returned = 0
  /// The most pages ever in use.
  private(set) var peakUsed = 0

  init(pageBytes: Int, limitBytes: Int) {
    self.pageBytes = pageBytes
    self.limitBytes = limitBytes
  }

  deinit {
    for slab in slabs { if let slab { unsafe unmap(slab.base) } }
  }

  /// The most pages the limit allows.
  var limitPages: Int { min(limitBytes / pageBytes, Int(Int32.max)) }
  /// Pages that may still be taken.
  var freePages: Int { limitPages - used }
  /// Bytes mapped from the operating system.
  var mappedBytes: Int { slabs.count { $0 != nil } * PagePool.slabPages * pageBytes }

  /// Takes a page with one reference; its contents are undefined.
  func allocate() throws(StoreError) -> PageID {
    guard freePages > 0 else {
      throw .poolFull(neededPages: 1, freePages: 0, limitBytes: limitBytes)
    }
    let index = slabs.firstIndex { !($0?.free.isEmpty ?? true) } ?? addSlab()
    guard let page = slabs[index]?.free.popLast() else {
      throw .badSetting("the operating system gave no memory for the cache")
    }
    references[Int(page)] = 1
    used += 1
    peakUsed = max(peakUsed, used)
    return page
  }

  /// One more reference.
  func retain(_ page: PageID) { references[Int(page)] += 1 }

  /// One reference less; the last one frees the page.
  func release(_ page: PageID) {
    references[Int(page)] -= 1
    precondition(references[Int(page)] >= 0, "a page was released more often than retained")
    guard references[Int(page)] == 0 else { return }
    used -= 1
    returned += 1
    let index = Int(page) / PagePool.slabPages
    slabs[index]?.free.append(page)
    if slabs[index]?.free.count == PagePool.slabPages { giveBack(slab: index) }
  }

  /// Whether only one reference exists, so that the page may be written.
  func isPrivate(_ page: PageID) -> Bool { references[Int(page)] == 1 }

  /// References of a page, for the invariants.
  func referenceCount(_ page: PageID) -> Int { Int(references[Int(page)]) }

  /// Where a page in use is.
  @unsafe func address(_ page: PageID) -> UnsafeMutableRawPointer {
    guard let slab = slabs[Int(page) / PagePool.slabPages] else {
      // The store's own error: a slab is given back when no page of it is referenced, never by input.
      preconditionFailure("a page of a slab that was given back is not in use")
    }
    return unsafe slab.base + (Int(page) % PagePool.slabPages) * pageBytes
  }

  /// Sum of all references, and whether free and used pages add up.
  func audit() -> (references: Int, isSound: Bool) {
    let free = slabs.reduce(0) { $0 + ($1?.free.count ?? 0) }
    let mapped = slabs.count { $0 != nil } * PagePool.slabPages
    let live = references.count { $0 > 0 }
    return (references.reduce(0) { $0 + Int($1) }, live == used && free + used == mapped)
  }

  /// Maps a slab, in the lowest gap; an index whose slab stays nil if there is no memory.
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
    unsafe slabs[index] = Slab(base: base, free: pages)
    return index
  }

  /// Unmaps an empty slab, unless it is the only one with free pages: then the next page would map it
  /// again. When no page is in use, unmaps all.
  private func giveBack(slab index: Int) {
    guard used > 0 else {
      for slab in slabs { if let slab { unsafe unmap(slab.base) } }
      slabs = slabs.map { _ in nil }
      return
    }
    let others = slabs.indices.contains { $0 != index && !(slabs[$0]?.free.isEmpty ?? true) }
    guard others, let slab = slabs[index] else { return }
    unsafe unmap(slab.base)
    slabs[index] = nil
  }

  @unsafe private func unmap(_ base: UnsafeMutableRawPointer) {
    _ = unsafe munmap(base, PagePool.slabPages * pageBytes)
  }
}
