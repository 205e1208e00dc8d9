import KVPolicyKit
import ReferenceModel
import Testing

/// A layout of a lane in memory.
struct LaneCase: Sendable, CustomStringConvertible {
  let headDimension: Int
  let format: RowFormat
  let isDense: Bool
  var description: String { "\(headDimension) × \(format)\(isDense ? ", dense" : "")" }

  static let all = [12, 16, 32, 64, 80, 96, 128].flatMap { headDimension in
    RowFormat.allCases.filter { headDimension % $0.blockElements == 0 }.flatMap { format in
      [true, false].map {
        LaneCase(headDimension: headDimension, format: format, isDense: $0)
      }
    }
  }

  func lane(count: Int) -> TestLane {
    TestLane(
      count: count, headDimension: headDimension, format: format, isDense: isDense,
      seed: UInt64(headDimension + count))
  }
}

@Test("logits are the scaled products of queries and keys", arguments: LaneCase.all)
func laneLogits(lane: LaneCase) {
  let depth = lane.headDimension
  for (group, count, range) in [(1, 37, 0..<37), (2, 9, 3..<8), (3, 20, 0..<20), (8, 18, 1..<18)] {
    let rows = lane.lane(count: count)
    var numbers = Numbers(seed: 11)
    let queries = numbers.floats(group * depth)
    let scale: Float = 0.125
    let untouched: Float = 77
    let stride = count + 5
    let logits = computed(group * stride, startingFrom: untouched) {
      unsafe Kernels.logits(
        queries: queries, group: group, rows: rows.rows, range: range, scale: scale, into: $0,
        stride: stride)
    }
    for head in 0..<group {
      let query = Array(queries[head * depth..<(head + 1) * depth])
      let row = Array(logits[head * stride..<(head + 1) * stride])
      let products = rows.keys[range].map { dot($0, query) }
      expectClose(
        Array(row[range]), products.map { $0.sum * Double(scale) },
        scale: products.map { $0.size * Double(scale) }, "head \(head) of \(group)")
      #expect(
        row.indices.allSatisfy { range.contains($0) || row[$0] == untouched },
        "nothing outside the range is written")
    }
  }
}

@Test("values are mixed with their weights", arguments: LaneCase.all)
func laneValues(lane: LaneCase) {
  let depth = lane.headDimension
  for (group, count, range) in [(1, 33, 0..<33), (2, 9, 3..<8), (3, 20, 0..<20), (8, 18, 1..<18)] {
    let rows = lane.lane(count: count)
    var numbers = Numbers(seed: 12)
    let stride = count + 3
    let weights = numbers.floats(group * stride)
    for adding in [false, true] {
      let out = computed(group * depth, startingFrom: 0.5) {
        unsafe Kernels.mixValues(
          weights: weights, stride: stride, group: group, rows: rows.rows, range: range,
          adding: adding, into: $0)
      }
      let expected = (0..<group * depth).map { index in
        let column = rows.values[range].map { $0[index % depth] }
        let first = index / depth * stride
        return dot(column, Array(weights[first + range.lowerBound..<first + range.upperBound]))
      }
      expectClose(
        out, expected.map { $0.sum + (adding ? 0.5 : 0) }, scale: expected.map { $0.size + 0.5 },
        "\(group) heads")
    }
  }
}

@Test("gathered rows are the stored rows in order", arguments: LaneCase.all)
func gathered(lane: LaneCase) {
  let rows = lane.lane(count: 21)
  let keys = computed(21 * lane.headDimension) {
    unsafe Kernels.gatherKeys(rows.rows, range: 0..<21, into: $0)
  }
  let values = computed(21 * lane.headDimension) {
    unsafe Kernels.gatherValues(rows.rows, range: 0..<21, into: $0)
  }
  #expect(keys == rows.keys.flatMap { $0 })
  #expect(values == rows.values.flatMap { $0 })
}

@Test("an empty lane has no logits, and its mixture is zero")
func emptyLane() {
  let lane = TestLane(count: 0, headDimension: 16, format: .f16, isDense: true, seed: 1)
  let query = [Float](repeating: 1, count: 16)
  let logits = computed(1, startingFrom: 3) {
    unsafe Kernels.logits(
      queries: query, group: 1, rows: lane.rows, range: 0..<0, scale: 1, into: $0, stride: 1)
  }
  let mixture = computed(16) {
    unsafe Kernels.mixValues(
      weights: query, stride: 1, group: 1, rows: lane.rows, range: 0..<0, into: $0)
  }
  #expect(logits == [3])
  #expect(mixture == [Float](repeating: 0, count: 16))
}

@Test("a stored row loads as it was stored, in every format", arguments: RowFormat.allCases)
func storedRow(format: RowFormat) throws {
  let special: [Float] = [0, -0.0, 65504, 65519, 65520, 1e-8, 6e-8, -1e-4, 1.0005, .infinity]
  for count in [1, 7, 8, 9, 26, 32, 96] where count % format.blockElements == 0 {
    let x = (0..<count).map { special[$0 % special.count] * ($0 < special.count ? 1 : -1) }
    let end = try format.rowBytes(headDimension: count)
    var expected: [Float] = []
    let loaded = computed(count) { target in
      // One byte more than is stored, to check that the kernel does not touch it.
      let bytes = UnsafeMutableRawPointer.allocate(byteCount: end + 1, alignment: 2)
      defer { unsafe bytes.deallocate() }
      unsafe bytes.storeBytes(of: 0x55, toByteOffset: end, as: UInt8.self)
      unsafe format.encode(x, count: count, to: bytes)
      #expect(unsafe bytes.load(fromByteOffset: end, as: UInt8.self) == 0x55)
      expected = (0..<count).map { unsafe format.element($0, of: bytes) }
      unsafe Kernels.load(bytes, format: format, count: count, into: target)
    }
    #expect(loaded.map(\.bitPattern) == expected.map(\.bitPattern))
    switch format {
    case .f32: #expect(loaded.map(\.bitPattern) == x.map(\.bitPattern))
    case .f16:
      #expect(loaded.map(\.bitPattern) == x.map { Float(Float16($0)) }.map(\.bitPattern))
    case .q8_0: #expect(loaded.allSatisfy { $0.isNaN }, "every block has an infinity")
    }
  }
}

/// The product of two vectors, and the sum of the magnitudes of its terms.
func dot(_ a: [Float], _ b: [Float]) -> (sum: Double, size: Double) {
  zip(a, b).reduce((0, 0)) { total, pair in
    let product = Double(pair.0) * Double(pair.1)
    return (total.0 + product, total.1 + abs(product))
  }
}
