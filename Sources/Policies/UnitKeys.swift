import KVPolicyKit

/// Keys of some rows, divided by their lengths.
struct UnitKeys {
  private var keys: [Float]
  private let width: Int
  private let count: Int

  init(_ lane: borrowing LaneView, _ rows: [Int]) {
    count = rows.count
    let stored = lane.keys(of: rows)
    keys = stored
    width = lane.headDimension
    for first in stride(from: 0, to: stored.count, by: width) {
      let key = stored.span.extracting(first..<first + width)
      let scale = 1 / max(key.dot(key).squareRoot(), .leastNormalMagnitude)
      for element in first..<first + width { keys[element] = stored[element] * scale }
    }
  }

  func cosine(_ one: Int, _ other: Int) -> Float {
    let span = keys.span
    return span.extracting(one * width..<(one + 1) * width)
      .dot(span.extracting(other * width..<(other + 1) * width))
  }

  /// For each key, the sum of its cosines with all other keys: its product with their sum.
  func cosinesWithAll() -> [Float] {
    var sum = [Float](repeating: 0, count: width)
    for key in 0..<count {
      for element in 0..<width { sum[element] += keys[key * width + element] }
    }
    let (span, total) = (keys.span, sum.span)
    return (0..<count).map { key in
      span.extracting(key * width..<(key + 1) * width).dot(total) - cosine(key, key)
    }
  }

  /// The last other key whose cosine with a key is greater than `threshold`.
  func lastSimilar(to key: Int, above threshold: Float) -> Int? {
    (0..<count).last { $0 != key && cosine(key, $0) > threshold }
  }
}
