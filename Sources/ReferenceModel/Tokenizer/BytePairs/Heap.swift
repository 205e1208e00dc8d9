/// A binary heap of numbers that gives back the lowest.
struct Heap {
  private var items: [UInt64] = []

  /// Forgets all items and keeps their memory.
  mutating func removeAll() { items.removeAll(keepingCapacity: true) }

  /// Adds `item`; logarithmic, constant if it is larger than most.
  mutating func push(_ item: UInt64) {
    var hole = items.count
    items.append(item)
    while hole > 0 {
      let parent = (hole - 1) / 2
      guard item < items[parent] else { break }
      items[hole] = items[parent]
      hole = parent
    }
    items[hole] = item
  }

  /// Removes the lowest item; nil if there is none.
  mutating func popLowest() -> UInt64? {
    guard let lowest = items.first, let item = items.popLast() else { return nil }
    guard !items.isEmpty else { return lowest }
    var hole = 0
    while true {
      var child = 2 * hole + 1
      guard child < items.count else { break }
      if child + 1 < items.count, items[child + 1] < items[child] { child += 1 }
      guard items[child] < item else { break }
      items[hole] = items[child]
      hole = child
    }
    items[hole] = item
    return lowest
  }
}
