/// An array whose elements keep their address until elements are added or replaced.
///
/// Attention is lent a lane's tables in every step. To lend an array counts its references and
/// reads its header, which for the tables of 90 lanes took a tenth of a step; to lend an address
/// costs nothing.
@safe struct StableArray<Element>: ~Copyable {
  // `base` has room for `capacity` elements, at least one, of which the first `count` are
  // initialised.

  /// The first element. Valid until elements are added or replaced, and while the array lives.
  @unsafe private(set) var base: UnsafeMutablePointer<Element>
  private(set) var count: Int
  private var capacity: Int

  init(_ elements: some Collection<Element>) {
    (count, capacity) = (elements.count, max(1, elements.count))
    unsafe base = .allocate(capacity: capacity)
    _ = unsafe UnsafeMutableBufferPointer(start: base, count: count).initialize(from: elements)
  }

  deinit {
    unsafe base.deinitialize(count: count)
    unsafe base.deallocate()
  }

  /// - Precondition: the index is that of an element.
  subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count, "no such element")
      return unsafe base[index]
    }
    set {
      precondition(index >= 0 && index < count, "no such element")
      unsafe base[index] = newValue
    }
  }

  /// A copy of the elements.
  var elements: [Element] { unsafe Array(UnsafeBufferPointer(start: base, count: count)) }

  mutating func append(_ element: Element) { append(contentsOf: CollectionOfOne(element)) }

  mutating func append(contentsOf elements: some Collection<Element>) {
    if count + elements.count > capacity {
      capacity = max(2 * capacity, count + elements.count)
      let room = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
      unsafe room.moveInitialize(from: base, count: count)
      unsafe base.deallocate()
      unsafe base = unsafe room
    }
    let rest = unsafe UnsafeMutableBufferPointer(start: base + count, count: elements.count)
    _ = unsafe rest.initialize(from: elements)
    count += elements.count
  }
}
