import Policies
import TestSupport
import Testing

@testable import KVPolicyKit
@testable import ReferenceModel

/// The keys that a layer's inputs give, and the keys that its lanes hold. It serves one session,
/// which calls its hooks one after the other.
private final class Inputs: @unchecked Sendable {
  var found: [(layer: Int, input: [Float], keys: [[Float]])] = []
}

private struct InputReader: KVCachePolicy {
  static let name = "input-reader"
  static let summary = "reads what layers read"
  static let source = "a test"

  let inputs: Inputs
  let signals: Set<Signal>

  init(_ inputs: Inputs, width: Int?) {
    (self.inputs, signals) = (inputs, [.layerInput(width: width)])
  }
  init(_ settings: inout Settings) throws(PolicyError) { self.init(Inputs(), width: nil) }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  mutating func prefill(_ layer: borrowing LayerView) { read(layer) }
  mutating func step(_ layer: borrowing LayerView) { read(layer) }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}

  private func read(_ layer: borrowing LayerView) {
    let first = layer.lane(0)
    for token in 0..<first.layerInputCount {
      // No row is forgotten, so that the newest tokens have the last rows.
      let row = first.count - first.layerInputCount + token
      var keys: [[Float]] = []
      layer.forEachLane { lane in
        lane.forEachKey(of: [row], .raw) { keys.append(copy($1)) }
      }
      inputs.found.append((layer.layer, copy(first.layerInput(token)), keys))
    }
  }

  private func copy(_ span: Span<Float>) -> [Float] { span.indices.map { span[$0] } }
}

@Suite("What a layer reads") struct LayerInputTests {
  private func session(
    _ model: LlamaModel, _ policy: any KVCachePolicy
  ) throws -> LlamaSession {
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: .f32))
    return model.makeSession(store.makeSequence(try PolicyAssignment(policy, shape: model.shape)))
  }

  private func load(_ threads: Int) throws -> LlamaModel {
    LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"), threads: threads)
  }

  /// Checks that every input, times the key projection, is the key that the lanes hold.
  private func check(_ inputs: Inputs, _ model: LlamaModel) {
    let width = model.shape.headDimension
    let matrices = model.weights.layers.map { floats($0.key) }
    for (layer, input, keys) in inputs.found {
      let matrix = matrices[layer]
      for (head, key) in keys.enumerated() {
        for element in 0..<width {
          let start = (head * width + element) * input.count
          let exact = zip(input, matrix[start..<start + input.count])
            .reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
          #expect(abs(Double(key[element]) - exact) < 1e-4 * max(1, exact.magnitude))
        }
      }
    }
  }

  private func floats(_ matrix: WeightMatrix) -> [Float] {
    var floats = [Float](repeating: 0, count: matrix.rows * matrix.columns)
    unsafe floats.withUnsafeMutableBufferPointer { floats in
      guard let base = floats.baseAddress else { return }
      for row in 0..<matrix.rows {
        unsafe dequantise(row: row, of: matrix, into: base + row * matrix.columns)
      }
    }
    return floats
  }

  @Test("is what its keys come from, in chunks, steps and batches", arguments: [1, 2])
  func keys(threads: Int) throws {
    let model = try load(threads)
    let (alone, batched) = (Inputs(), Inputs())
    let session = try session(model, InputReader(alone, width: model.configuration.hidden))
    try session.prefill(Array(0..<20), chunk: 8)
    for token in 20..<23 { try session.decode(token) }
    // Once per layer and chunk, and once per layer and step.
    #expect(session.signalCounts.layerInput == model.shape.layers * (3 + 3))
    #expect(alone.found.count == model.shape.layers * 23)
    check(alone, model)
    let full = try PolicyRegistry.all.make("full")
    let reader = InputReader(batched, width: nil)
    let others = [try self.session(model, full), try self.session(model, reader)]
    for step in 0..<3 { try model.decode([40 + step, 20 + step], of: others) }
    #expect(others[0].signalCounts.layerInput == 0)
    #expect(batched.found.count == model.shape.layers * 3)
    check(batched, model)
  }

  @Test("of another width than a policy was trained on is refused before anything is read")
  func width() throws {
    let model = try load(1)
    let session = try session(model, InputReader(Inputs(), width: 63))
    let reason = "reads layer inputs of 63 numbers, and the model's have 64"
    for read in [
      { try session.prefill([1, 2, 3]) }, { try session.decode(1) },
      { try session.fork().decode(1) }, { try model.decode([1], of: [session]) },
    ] as [() throws -> Void] {
      let error = #expect(throws: (any Error).self) { try read() }
      #expect(error.map { "\($0)" }?.contains(reason) == true)
    }
    #expect(session.sequence.length.tokens == 0 && session.sequence.failure == nil)
    #expect(throws: PolicyError.self) {
      _ = try self.session(model, InputReader(Inputs(), width: 0))
    }
  }
}
