/// A binary heap of integers that returns the lowest first.
struct Heap {
  private var items: [UInt64] = []

  /// Removes all items and keeps the memory.
  mutating func removeAll() { items.removeAll(keepingCapacity: true) }

  /// Adds `item`. Takes logarithmic time, or constant time if `item` is larger than most items.
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

  /// Removes and returns the lowest item; nil if the heap is empty.
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
