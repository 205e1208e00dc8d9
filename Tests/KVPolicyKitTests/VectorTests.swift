import KVPolicyTesting
import Testing

@testable import KVPolicyKit

@Suite("Keys and values in bulk") struct VectorTests {
  /// Keys and values of some rows, as a policy reads them.
  private func copies(
    _ sequence: KVSequence, _ layer: Int, _ head: Int, _ rows: [Int]
  ) -> (keys: [Float], values: [Float]) {
    let signals = SignalBuffers()
    let lane = LaneView(
      sequence.lane(layer, head), group: 1, length: sequence.length, signals: signals)
    return (lane.keys(of: rows), lane.values(of: rows))
  }

  private func check(_ engine: PlainEngine, _ numbers: inout SplitMix64) {
    let shape = engine.source.shape
    for layer in 0..<shape.layers {
      for head in 0..<shape.keyHeads {
        let rows = engine.sequence.storedRows(layer: layer, head: head)
        let all = Array(rows.indices)
        let count = Int.random(in: all.indices, using: &numbers)
        let some = Array(all.shuffled(using: &numbers).prefix(count))
        for wanted in [all, some, []] {
          let found = copies(engine.sequence, layer, head, wanted)
          #expect(found.keys == wanted.flatMap { rows[$0].key })
          #expect(found.values == wanted.flatMap { rows[$0].value })
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

  @Test("stop where the lane ends", arguments: [-1, 4])
  func bounds(row: Int) async {
    await #expect(processExitsWith: .failure) { [row] in
      let engine = try paintedEngine()
      try engine.read(4)
      _ = VectorTests().copies(engine.sequence, 0, 0, [0, row])
    }
  }
}
