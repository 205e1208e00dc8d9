import KVPolicyTesting
import Testing

@testable import KVPolicyKit

@Suite("Keys and values in bulk") struct VectorTests {
  /// Keys and values of a range of rows, as a policy reads them.
  private func copies(
    _ sequence: KVSequence, _ layer: Int, _ head: Int, _ rows: Range<Int>
  ) -> (keys: [Float], values: [Float]) {
    let width = sequence.store.shape.headDimension
    let signals = SignalBuffers()
    let lane = LaneView(
      sequence.lane(layer, head), group: 1, length: sequence.length, signals: signals)
    // The buffer is one number longer than needed, and the last number must not change.
    var keys = [Float](repeating: -7, count: rows.count * width + 1)
    var values = keys
    var keySpan = keys.mutableSpan
    lane.keys(rows, into: &keySpan)
    var valueSpan = values.mutableSpan
    lane.values(rows, into: &valueSpan)
    #expect(keys.last == -7 && values.last == -7)
    return (keys.dropLast(), values.dropLast())
  }

  private func check(_ engine: PlainEngine, _ numbers: inout SplitMix64) {
    let shape = engine.source.shape
    for layer in 0..<shape.layers {
      for head in 0..<shape.keyHeads {
        let rows = engine.sequence.storedRows(layer: layer, head: head)
        let first = Int.random(in: 0...rows.count, using: &numbers)
        let part = first..<Int.random(in: first...rows.count, using: &numbers)
        for range in [0..<rows.count, part, part.lowerBound..<part.lowerBound] {
          let found = copies(engine.sequence, layer, head, range)
          #expect(found.keys == rows[range].flatMap(\.key))
          #expect(found.values == rows[range].flatMap(\.value))
        }
      }
    }
  }

  @Test(
    "are those of the rows, in any format, dense or with holes, in a fork or its origin",
    arguments: RowFormat.allCases, PositionRule.allCases)
  func agree(format: RowFormat, rule: PositionRule) throws {
    var numbers = SplitMix64(seed: 3)
    // A width that is not a multiple of eight elements, if the format allows it.
    let width = format == .q8_0 ? 64 : 14
    let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: width)
    let engine = try paintedEngine(shape, format: format, rule: rule)
    try engine.read(41)
    check(engine, &numbers)
    let fork = engine.fork(reading: .random(shape: shape, seed: 9))
    for round in 0..<6 {
      for engine in [engine, fork] {
        let lane = (round % 2, round / 2 % 2)
        let rows = engine.sequence.rowCount(layer: lane.0, head: lane.1)
        let dropped = (0..<rows).shuffled(using: &numbers).prefix(round * 2 + 1)
        try engine.edit(layer: lane.0, head: lane.1) { $0.drop(dropped, of: $1) }
        check(engine, &numbers)
        try engine.step(2)
        check(engine, &numbers)
      }
    }
  }

  @Test("stop where the lane ends, and where the room does")
  func bounds() async {
    await #expect(processExitsWith: .failure) {
      let engine = try paintedEngine()
      try engine.read(4)
      _ = VectorTests().copies(engine.sequence, 0, 0, 0..<5)
    }
    await #expect(processExitsWith: .failure) {
      let engine = try paintedEngine()
      try engine.read(4)
      let signals = SignalBuffers()
      let lane = LaneView(
        engine.sequence.lane(0, 0), group: 1, length: engine.sequence.length, signals: signals)
      var keys = [Float](repeating: 0, count: 3)
      var room = keys.mutableSpan
      lane.keys(0..<2, into: &room)
    }
  }
}
