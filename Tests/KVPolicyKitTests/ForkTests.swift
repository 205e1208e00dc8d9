import KVPolicyKit
import KVPolicyTesting
import TestSupport
import Testing

@Suite("A fork") struct ForkTests {
  @Test("of 8192 rows in the shape of SmolLM2 takes less than a millisecond")
  func time() throws {
    let shape = CacheShape(layers: 30, keyHeads: 3, queryHeads: 9, headDimension: 64)
    let store = try PagedKVStore(shape: shape, configuration: StoreConfiguration(format: .q8_0))
    let sequence = store.makeSequence(try PolicyAssignment(Painter(), shape: shape))
    let tokens = 512
    let floats = [Float](repeating: 1, count: tokens * shape.keyHeads * shape.headDimension)
    for first in stride(from: 0, to: 8192, by: tokens) {
      for layer in 0..<shape.layers {
        // The buffer has tokens × keyHeads × headDimension floats, as the call requires.
        try unsafe sequence.append(layer: layer, tokens: tokens, keys: floats, values: floats)
      }
      try sequence.finish(moment: .chunk(tokens: first..<first + tokens, isLast: false))
    }
    #expect(sequence.statistics.rowsLive == 8192 * shape.lanes)
    var times: [Duration] = []
    for _ in 0..<51 {
      let (fork, time) = measuringProcessorTime { sequence.fork() }
      times.append(time)
      #expect(fork.length.tokens == 8192)
    }
    let median = times.sorted()[25]
    #expect(median < .milliseconds(1), "\(median)")
  }
}
