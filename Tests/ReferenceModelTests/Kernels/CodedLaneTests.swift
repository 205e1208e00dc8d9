import KVPolicyKit
import KVPolicyTesting
import Policies
import ReferenceModel
import Testing

/// A layer of two lanes whose rows are partly codes, as policies leave them.
private struct CodedLayer: Sendable, CustomStringConvertible {
  let configuration: String
  let headDimension: Int
  var format = RowFormat.f16
  var description: String { "\(configuration), \(headDimension) × \(format)" }

  static let all =
    [16, 32, 64, 80, 96, 128].flatMap { width in
      [
        #"{"policy": "kivi", "keyBits": 4, "valueBits": 4, "groupSize": 16, "residual": 16}"#,
        #"{"policy": "kivi", "keyBits": 2, "valueBits": 8, "groupSize": 8, "residual": 24}"#,
        #"{"policy": "kivi", "keyBits": 8, "valueBits": 3, "groupSize": 16, "residual": 16, "#
          + #""keys": {"kind": "think", "keyChannelRatio": 0.4}}"#,
        #"{"policy": "mikv", "highBits": 8, "lowBits": 4, "groupSize": 8}"#,
        #"{"policy": "mikv", "lowBits": 2, "groupSize": 16}"#,
        #"{"policy": "think", "recent": 5}"#,
        #"{"policy": "h2o", "heavy": 90, "recent": 20, "#
          + #""codec": {"kind": "kivi", "keyBits": 4, "groupSize": 16, "residual": 16}}"#,
        #"{"policy": "snapkv", "capacity": 100, "window": 8, "codec": {"kind": "mikv"}}"#,
      ].map { CodedLayer(configuration: $0, headDimension: width) }
    } + [
      // Rows of 32-bit floats, and rows in q8_0, beside codes.
      CodedLayer(
        configuration: #"{"policy": "kivi", "keyBits": 4, "groupSize": 16, "residual": 16}"#,
        headDimension: 48, format: .f32),
      CodedLayer(configuration: #"{"policy": "mikv"}"#, headDimension: 64, format: .q8_0),
      CodedLayer(configuration: #"{"policy": "think"}"#, headDimension: 32, format: .f32),
      // Blocks of an odd number of registers of rows, and blocks of which a kernel reads a part.
      CodedLayer(
        configuration: #"{"policy": "kivi", "keyBits": 4, "groupSize": 24, "residual": 24}"#,
        headDimension: 96),
      CodedLayer(
        configuration: #"{"policy": "kivi", "keyBits": 8, "groupSize": 32, "residual": 64}"#,
        headDimension: 64),
      // Groups that do not begin with whole bytes, and groups of a few channels.
      CodedLayer(
        configuration: #"{"policy": "mikv", "lowBits": 4, "groupSize": 1}"#, headDimension: 12),
      CodedLayer(
        configuration: #"{"policy": "mikv", "lowBits": 2, "groupSize": 2, "highBits": 3}"#,
        headDimension: 20),
      CodedLayer(
        configuration: #"{"policy": "mikv", "lowBits": 4, "groupSize": 4}"#, headDimension: 12),
      CodedLayer(
        configuration: #"{"policy": "kivi", "keyBits": 2, "groupSize": 4, "residual": 12}"#,
        headDimension: 20),
    ]

  /// A sequence of 190 rows, of which 40 were decoded.
  func sequence() throws -> KVSequence {
    let shape = CacheShape(
      layers: 1, keyHeads: 2, queryHeads: 4, headDimension: headDimension)
    let store = try PagedKVStore(
      shape: shape, configuration: StoreConfiguration(format: format))
    let policies = try PolicyConfiguration(parsing: configuration).makePolicies(.all, shape: shape)
    let engine = PlainEngine(
      .random(shape: shape, seed: 5), sequence: store.makeSequence(policies))
    engine.remembers = false
    try engine.read(150, chunk: 64)
    try engine.step(40)
    return engine.sequence
  }
}

/// The kernels are compared with rows that the store decodes one number after the other.
@Suite("Lanes with codes")
struct CodedLaneTests {
  /// In integers a query's element is off by up to 1/65534 of the query's greatest magnitude.
  @Test(
    "have the products of queries and decoded keys", arguments: CodedLayer.all, [false, true])
  private func logits(layer: CodedLayer, inIntegers: Bool) throws {
    let sequence = try layer.sequence()
    let depth = layer.headDimension
    for head in 0..<2 {
      let keys = sequence.storedRows(layer: 0, head: head).map(\.key)
      #expect(sequence.codedRows(layer: 0, head: head).keys > 0)
      // A key is a code times a scale plus a zero, which may nearly cancel.
      let size = 4 * Double(keys.joined().map(abs).max() ?? 0)
      for (group, range) in [(1, 0..<keys.count), (2, 3..<8), (3, 0..<keys.count), (5, 7..<33)] {
        let queries = floats(group * depth, seed: 21)
        let stride = keys.count + 5
        let logits = computed(group * stride, startingFrom: 77) { target in
          unsafe sequence.withRows(layer: 0, head: head) { rows in
            unsafe Kernels.logits(
              queries: queries, group: group, rows: rows, range: range, scale: 0.125,
              inIntegers: inIntegers, into: target, stride: stride)
          }
        }
        for number in 0..<group {
          let query = Array(queries[number * depth..<(number + 1) * depth])
          let top = Double(query.map(abs).max() ?? 0)
          let sum =
            query.reduce(0) { $0 + abs(Double($1)) } + (inIntegers ? 16 * top * Double(depth) : 0)
          let row = Array(logits[number * stride..<(number + 1) * stride])
          expectClose(
            Array(row[range]), keys[range].map { dot($0, query).sum * 0.125 },
            scale: keys[range].map { _ in size * sum * 0.125 }, "query \(number) of \(group)")
          #expect(row.indices.allSatisfy { range.contains($0) || row[$0] == 77 })
        }
      }
    }
  }

  @Test("with a query that is not finite have no finite product, and with a zero query 0")
  private func extremes() throws {
    let layer = CodedLayer(
      configuration: #"{"policy": "kivi", "keyBits": 4, "groupSize": 16, "residual": 16}"#,
      headDimension: 64)
    let sequence = try layer.sequence()
    var queries = [Float](repeating: 0, count: 3 * 64)
    (queries[3], queries[64 + 5]) = (.infinity, .nan)
    for inIntegers in [false, true] {
      // The first rows are codes.
      let logits = computed(3 * 16) { target in
        unsafe sequence.withRows(layer: 0, head: 0) { rows in
          unsafe Kernels.logits(
            queries: queries, group: 3, rows: rows, range: 0..<16, scale: 1,
            inIntegers: inIntegers, into: target, stride: 16)
        }
      }
      #expect(logits[..<32].allSatisfy { !$0.isFinite })
      #expect(logits[32...].allSatisfy { $0 == 0 })
    }
  }

  /// In integers a weight times a scale is off by up to 1/65534 of the greatest of all rows.
  @Test(
    "have the weighted sums of decoded values", arguments: CodedLayer.all, [false, true])
  private func values(layer: CodedLayer, inIntegers: Bool) throws {
    let sequence = try layer.sequence()
    let depth = layer.headDimension
    for head in 0..<2 {
      let values = sequence.storedRows(layer: 0, head: head).map(\.value)
      #expect(sequence.codedRows(layer: 0, head: head).values > 0)
      let size = 4 * Double(values.joined().map(abs).max() ?? 0)
      for (group, range) in [(1, 0..<values.count), (2, 3..<8), (3, 0..<values.count)] {
        let stride = values.count + 3
        let weights = floats(group * stride, seed: 22)
        for adding in [false, true] {
          let out = computed(group * depth, startingFrom: 0.5) { target in
            unsafe sequence.withRows(layer: 0, head: head) { rows in
              unsafe Kernels.mixValues(
                weights: weights, stride: stride, group: group, rows: rows, range: range,
                adding: adding, inIntegers: inIntegers, into: target)
            }
          }
          let expected = (0..<group * depth).map { index in
            let first = index / depth * stride
            let part = Array(weights[first + range.lowerBound..<first + range.upperBound])
            let top = part.map(abs).max() ?? 0
            let rounding = inIntegers ? 16 * size * Double(top) * Double(part.count) : 0
            return (
              sum: dot(values[range].map { $0[index % depth] }, part).sum + (adding ? 0.5 : 0),
              size: part.reduce(0.5 + rounding) { $0 + size * abs(Double($1)) }
            )
          }
          expectClose(
            out, expected.map(\.sum), scale: expected.map(\.size), "\(group) heads")
        }
      }
    }
  }

  @Test("are gathered as they are decoded", arguments: CodedLayer.all)
  private func gathered(layer: CodedLayer) throws {
    let sequence = try layer.sequence()
    let rows = sequence.storedRows(layer: 0, head: 1)
    for (first, value) in [(0, false), (0, true), (5, false), (5, true)] {
      let floats = computed((rows.count - first) * layer.headDimension) { target in
        unsafe sequence.withRows(layer: 0, head: 1) { lane in
          if value {
            unsafe Kernels.gatherValues(lane, range: first..<rows.count, into: target)
          } else {
            unsafe Kernels.gatherKeys(lane, range: first..<rows.count, into: target)
          }
        }
      }
      #expect(floats == rows[first...].flatMap { value ? $0.value : $0.key })
    }
  }

  private func floats(_ count: Int, seed: UInt64) -> [Float] {
    var numbers = Numbers(seed: seed)
    return numbers.floats(count)
  }
}
