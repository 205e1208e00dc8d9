import Testing

@testable import KVPolicyKit
@testable import ReferenceModel

/// The values of one lane's rows and what the engine said of them.
private final class Reaches: @unchecked Sendable {
  // It serves one session, which calls its hooks one after the other.
  var found: [(lane: LaneID, values: [[Float]], reach: [[Float]])] = []
}

private struct ReachReader: KVCachePolicy {
  static let name = "reach-reader"
  static let summary = "asks how far values move the stream"
  static let source = "a test"

  let asks: Phase
  let reaches: Reaches

  init(_ phase: Phase, _ reaches: Reaches) { (asks, self.reaches) = (phase, reaches) }
  init(_ settings: inout Settings) throws(PolicyError) { self.init(.afterOutput, Reaches()) }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var signals: Set<Signal> { [.valueReach] }
  var phase: Phase { asks }

  mutating func prefill(_ layer: borrowing LayerView) {
    if case .chunk(_, isLast: true) = layer.moment { ask(layer) }
  }
  mutating func step(_ layer: borrowing LayerView) { ask(layer) }

  private func ask(_ layer: borrowing LayerView) {
    layer.forEachLane { lane in
      let rows = Array(stride(from: lane.count - 1, through: 0, by: -2))
      var values: [[Float]] = []
      lane.forEachValue(of: rows) { _, value in values.append(value.indices.map { value[$0] }) }
      reaches.found.append((lane.id, values, lane.valueReach(of: rows)))
    }
  }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

@Suite("How far values move the stream") struct ValueReachTests {
  @Test(
    "is the sum of magnitudes behind the output projection, in prompts and steps, on any threads",
    arguments: Phase.allTested, [("llama", 1), ("llama", 2), ("qwen2", 2)])
  func products(phase: Phase, run: (model: String, threads: Int)) throws {
    let model = LlamaModel(
      try ModelFiles.open(OracleCase.root + "/models/\(run.model)"), threads: run.threads)
    let reaches = Reaches()
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: .f32))
    let session = model.makeSession(
      store.makeSequence(
        try PolicyAssignment(ReachReader(phase, reaches), shape: model.shape)))
    try session.prefill((0..<300).map { $0 % 64 }, chunk: 100)
    for token in 0..<3 { try session.decode(token) }
    let lanes = model.shape.lanes
    #expect(reaches.found.count == lanes * 4)
    #expect(session.signalCounts.valueReach == model.shape.layers * 4)
    let (width, columns) = (model.shape.headDimension, model.shape.queryHeads)
    for (lane, values, reach) in reaches.found {
      let matrix = model.weights.layers[lane.layer].output
      var weights = [Float](repeating: 0, count: matrix.rows * matrix.columns)
      unsafe weights.withUnsafeMutableBufferPointer { weights in
        guard let base = weights.baseAddress else { return }
        for row in 0..<matrix.rows {
          unsafe dequantise(row: row, of: matrix, into: base + row * matrix.columns)
        }
      }
      #expect(columns * width == matrix.columns && reach.count == model.shape.group)
      for index in stride(from: 0, to: values.count, by: 17) {
        for head in reach.indices {
          let first = (lane.head * model.shape.group + head) * width
          let exact = (0..<matrix.rows).reduce(0.0) { sum, row in
            let start = row * matrix.columns + first
            return sum
              + zip(values[index], weights[start..<start + width])
              .reduce(0.0) { $0 + Double($1.0) * Double($1.1) }.magnitude
          }
          #expect(abs(Double(reach[head][index]) - exact) < 1e-4 * max(1, exact))
        }
      }
    }
  }
}

extension Phase {
  /// All phases.
  fileprivate static let allTested: [Phase] = [.afterOutput, .beforeOutput, .beforeStep]
}
