import Foundation
import Testing

@testable import ReferenceModel

/// The queries of a chunk and the rows of a lane as plain arrays, with the result of the fast
/// kernel.
private struct ChunkCase {
  let shape: ChunkShape
  let gap = 5
  var queries: [Float]
  var keys: [Float]
  var values: [Float]

  /// Random numbers of either sign, below `size` in magnitude.
  init(_ shape: ChunkShape, size: Float = 1, seed: UInt64) {
    var numbers = Numbers(seed: seed)
    self.shape = shape
    queries = numbers.floats(shape.height * shape.depth).map { $0 * size }
    keys = numbers.floats(shape.visible * shape.depth)
    values = numbers.floats(shape.visible * shape.depth)
  }

  var scale: Float { 1 / Float(shape.depth).squareRoot() }
  /// Floats between the starts of consecutive queries: all heads of a query, and a gap.
  var stride: Int { shape.group * shape.depth + gap }

  /// The output of every row of A, and the column sums if the shape keeps weights.
  func attend() -> (mixed: [Float], sums: [Float]) {
    let (width, depth) = (shape.group * shape.depth, shape.depth)
    let spread = Swift.stride(from: 0, to: queries.count, by: width).flatMap {
      queries[$0..<$0 + width] + [Float](repeating: .nan, count: gap)
    }
    var sums: [Float] = []
    let out = computed(shape.queries * stride, startingFrom: 7) { out in
      // Each allocation has exactly as many floats as the kernel declares, all NaN at first.
      let floats = PackedLane.floats(rows: shape.visible, depth: depth)
      var packed = [Float](repeating: .nan, count: floats)
      var scratch = [Float](repeating: .nan, count: shape.scratchFloats)
      unsafe packed.withUnsafeMutableBufferPointer { packed in
        unsafe scratch.withUnsafeMutableBufferPointer { scratch in
          guard let base = packed.baseAddress, let room = scratch.baseAddress else { return }
          let lane = unsafe PackedLane(base, rows: shape.visible, depth: depth)
          unsafe lane.packKeys(keys, range: 0..<shape.visible)
          unsafe lane.packValues(values, range: 0..<shape.visible)
          let block = unsafe ChunkBlock(shape, lane: lane, scratch: room)
          unsafe block.attend(spread, stride: stride, scale: scale, into: out)
          guard shape.keepsWeights else { return }
          sums = computed(shape.group * shape.visible, startingFrom: 0.25) {
            unsafe block.addColumnSums(to: $0, stride: shape.visible)
          }
        }
      }
    }
    let rows = Swift.stride(from: 0, to: out.count, by: stride)
    let gaps = rows.flatMap { out[$0 + width..<$0 + stride] }
    #expect(gaps.allSatisfy { $0 == 7 }, "gaps are left alone")
    return (rows.flatMap { out[$0..<$0 + width] }, sums)
  }

  /// The probabilities of a row of A over the rows that it sees.
  private func probabilities(_ row: Int) -> [Double] {
    let depth = shape.depth
    let query = queries[row * depth..<(row + 1) * depth]
    let logits = (0..<shape.past + row / shape.group + 1).map { other in
      zip(query, keys[other * depth..<(other + 1) * depth])
        .reduce(0) { $0 + Double($1.0) * Double($1.1) } * Double(scale)
    }
    let top = logits.max() ?? 0
    let weights = logits.map { exp($0 - top) }
    let total = weights.reduce(0, +)
    return weights.map { $0 / total }
  }

  /// Expects the fast kernel to agree with softmax and sums in double precision.
  func check(_ comment: Comment) {
    let (mixed, sums) = attend()
    var expected = [Double](repeating: 0, count: shape.height * shape.depth)
    var expectedSums = [Double](repeating: 0.25, count: shape.group * shape.visible)
    for row in 0..<shape.height {
      for (other, weight) in probabilities(row).enumerated() {
        expectedSums[row % shape.group * shape.visible + other] += weight
        for i in 0..<shape.depth {
          expected[row * shape.depth + i] += weight * Double(values[other * shape.depth + i])
        }
      }
    }
    // A logit of size s is off by up to s · 2⁻²⁰ (`expectClose`), and its weight by as much of
    // itself.
    let size = queries.reduce(0) { max($0, Double(abs($1))) } * Double(shape.depth) * Double(scale)
    expectClose(mixed, expected, scale: expected.map { _ in 1 + 2 * size }, comment)
    if shape.keepsWeights {
      expectClose(
        sums, expectedSums, scale: expectedSums.map { $0 * (1 + 2 * size) }, "\(comment), sums")
    }
  }
}

/// Groups, depths, and pasts that end before, at and after runs, panels and strips.
private let shapes: [ChunkShape] = [1, 2, 3, 8].flatMap { group in
  [12, 16, 64, 80].flatMap { depth in
    [(1, 0), (7, 0), (20, 121), (33, 96), (5, 300)].map { queries, past in
      ChunkShape(
        queries: queries, group: group, depth: depth, past: past,
        keepsWeights: (queries + depth) % 2 == 1)
    }
  }
}

@Test("attention of a chunk's queries is softmax and sum over what each sees")
func chunkBlock() {
  for (index, shape) in shapes.enumerated() {
    ChunkCase(shape, seed: UInt64(index)).check("\(shape)")
  }
}

@Test("a logit far above the earlier runs' takes all the weight")
func laterMaximum() {
  let shape = ChunkShape(queries: 3, group: 3, depth: 16, past: 400, keepsWeights: true)
  var chunk = ChunkCase(shape, size: 40, seed: 5)
  for i in 0..<shape.depth { chunk.keys[390 * shape.depth + i] *= 30 }
  chunk.check("a maximum in the last run")
}

@Test("weights that underflow are exactly nothing")
func underflow() {
  let shape = ChunkShape(queries: 2, group: 1, depth: 16, past: 200)
  var chunk = ChunkCase(shape, seed: 6)
  chunk.queries = chunk.queries.map { _ in 1000 }
  for index in chunk.keys.indices { chunk.keys[index] = index / shape.depth == 30 ? 1 : -1 }
  let expected = Array(chunk.values[30 * shape.depth..<31 * shape.depth])
  #expect(chunk.attend().mixed == expected + expected)
}

@Test("what is not a number is not hidden by a chunk's softmax")
func chunkOfNaN() {
  let shape = ChunkShape(queries: 2, group: 1, depth: 16, past: 200)
  var chunk = ChunkCase(shape, seed: 7)
  chunk.keys[20 * shape.depth] = .nan
  let mixed = chunk.attend().mixed
  #expect(mixed.allSatisfy { $0.isNaN })
}

@Test("what a query gives does not depend on the queries it comes with")
func chunkIndependence() {
  let whole = ChunkShape(queries: 21, group: 3, depth: 64, past: 250)
  let chunk = ChunkCase(whole, seed: 8)
  let width = whole.group * whole.depth
  let mixed = chunk.attend().mixed
  for (first, count) in [(0, 4), (4, 1), (5, 13)] {
    var part = ChunkCase(
      ChunkShape(queries: count, group: 3, depth: 64, past: 250 + first), seed: 8)
    let rows = part.shape.visible * whole.depth
    part.queries = Array(chunk.queries[first * width..<(first + count) * width])
    (part.keys, part.values) = (Array(chunk.keys[..<rows]), Array(chunk.values[..<rows]))
    #expect(part.attend().mixed == Array(mixed[first * width..<(first + count) * width]))
  }
}

@Test("logits over a packed lane are scaled products, and nothing past its rows is written")
func packedLogits() {
  for (count, rows, depth) in [(1, 1, 16), (7, 37, 12), (32, 130, 64), (6, 16, 80)] {
    var numbers = Numbers(seed: UInt64(rows))
    let stride = depth + 3
    let (queries, keys) = (numbers.floats(count * stride), numbers.floats(rows * depth))
    let logitStride = rows + 4
    let logits = computed(count * logitStride, startingFrom: 7) { target in
      let floats = PackedLane.floats(rows: rows, depth: depth)
      var packed = [Float](repeating: .nan, count: floats)
      unsafe packed.withUnsafeMutableBufferPointer { packed in
        guard let base = packed.baseAddress else { return }
        let lane = unsafe PackedLane(base, rows: rows, depth: depth)
        unsafe lane.packKeys(keys, range: 0..<rows)
        unsafe lane.logits(
          queries, stride: stride, count: count, rows: 0..<rows, scale: 0.5, into: target,
          logitStride: logitStride)
      }
    }
    for query in 0..<count {
      let row = Array(logits[query * logitStride..<(query + 1) * logitStride])
      let products = (0..<rows).map {
        dot(
          Array(keys[$0 * depth..<($0 + 1) * depth]),
          Array(queries[query * stride..<query * stride + depth]))
      }
      expectClose(
        Array(row[..<rows]), products.map { $0.sum / 2 }, scale: products.map { $0.size / 2 },
        "\(count) × \(rows) × \(depth)")
      #expect(row[rows...].allSatisfy { $0 == 7 })
    }
  }
}
