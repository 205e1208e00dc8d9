import KVPolicyKit
import Policies
import TestSupport
import Testing

@testable import ReferenceModel

/// A GGUF file of a Llama has the elements of queries and keys in another order than the Hugging
/// Face folder that it was made from.
@Suite("Key elements in the order of a file") struct KeyOrderTests {
  /// The numbers of a tensor by the name in folders: 0.5 to 1.5 in norms, else around 0.
  private static func numbers(_ name: String, _ shape: [Int]) -> [Float] {
    var random = SplitMix64(seed: SplitMix64.bits(seed: 3, at: name.utf8.map(Int.init)))
    return (0..<shape.reduce(1, *)).map { _ in
      let number = Float(random.unit())
      return shape.count == 1 ? 0.5 + number : (number - 0.5) * 1.2
    }
  }

  private static func bytes(_ numbers: [Float]) -> [UInt8] {
    numbers.flatMap { little($0.bitPattern) }
  }

  private static let folder: TinyFolder = {
    var folder = TinyFolder()
    for index in folder.weights.tensors.indices {
      let (name, shape) = (folder.weights.tensors[index].name, folder.weights.tensors[index].shape)
      folder.weights.tensors[index].data = bytes(numbers(name, shape))
    }
    return folder
  }()

  /// The same model as the converter of llama.cpp writes it.
  private static let file: TinyGGUF = {
    var file = TinyGGUF(.f32)
    let names = TinyFolder().weights.tensors
    let ours: [Int: String] = [
      0: "token_embd.weight", 1: "blk.0.attn_norm.weight", 2: "blk.0.attn_q.weight",
      3: "blk.0.attn_k.weight", 4: "blk.0.attn_v.weight", 5: "blk.0.attn_output.weight",
      6: "blk.0.ffn_norm.weight", 7: "blk.0.ffn_gate.weight", 8: "blk.0.ffn_up.weight",
      9: "blk.0.ffn_down.weight", 10: "output_norm.weight", 11: "output.weight",
    ]
    for (index, name) in ours {
      var values = numbers(names[index].name, names[index].shape)
      if [2, 3].contains(index) {
        // Rows i and i + 8 of each head of 16 become neighbours.
        let rows: [[Float]] = stride(from: 0, to: values.count, by: 32).map {
          Array(values[$0..<$0 + 32])
        }
        values = rows.indices.flatMap { row -> [Float] in
          let (head, element) = (row / 16, row % 16)
          return rows[head * 16 + element % 2 * 8 + element / 2]
        }
      }
      file.change(name) { $0.data = bytes(values) }
    }
    return file
  }()

  private static let text = (0..<60).map { $0 * $0 % 7 + $0 % 2 }

  private static func session(
    _ model: LlamaModel, _ name: String, _ settings: [String: JSONValue]
  ) throws -> LlamaSession {
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: .f32))
    let policies = try PolicyConfiguration(name, settings)
      .makePolicies(.tried(on: model.shape), shape: model.shape)
    return model.makeSession(store.makeSequence(policies))
  }

  /// The positions that a policy keeps of a text.
  private static func kept(
    _ model: LlamaModel, _ name: String, _ settings: [String: JSONValue]
  ) throws -> [[Int]] {
    let session = try session(model, name, settings)
    try session.prefill(Array(text.prefix(40)))
    var moments = [session.sequence.keptPositions(layer: 0, head: 0)]
    for token in text.dropFirst(40) {
      try session.decode(token)
      moments.append(session.sequence.keptPositions(layer: 0, head: 0))
    }
    return moments
  }

  @Test(
    "does not matter to what is kept, whether artifacts or keys decide",
    arguments: [
      ("foresightkv", ["scorer": "scorer", "block": 4, "queryCache": 4, "capacity": 12]),
      ("wgkv", ["gates": "gate", "window": 4, "threshold": 0.8, "prefillTile": 1]),
      ("leverage", ["sketch": "sketch", "capacity": 12]),
      ("judgeq", ["softTokens": "probe", "capacity": 12]),
      ("expectedattention", ["capacity": 12]), ("cap", ["capacity": 12]),
      ("lagkv", ["capacity": 12, "lag": 4]), ("keydiff", ["capacity": 12]),
      ("rkv", ["capacity": 12, "window": 4]),
    ] as [(String, [String: JSONValue])])
  func kept(name: String, settings: [String: JSONValue]) throws {
    let (one, other) = (
      LlamaModel(try openTiny(Self.folder)), LlamaModel(try openTiny(Self.file))
    )
    #expect(one.shape == other.shape)
    let kept = try Self.kept(one, name, settings)
    #expect(try Self.kept(other, name, settings) == kept)
    #expect(kept.contains { $0.count < 40 && $0.count > 4 })
  }
  /// The logits after a text under a policy.
  private static func logits(
    _ model: LlamaModel, _ name: String, _ settings: [String: JSONValue]
  ) throws -> [Float] {
    let session = try session(model, name, settings)
    try session.prefill(Array(text.prefix(40)))
    for token in text.dropFirst(40) { try session.decode(token) }
    let logits = session.logits
    return logits.indices.map { logits[$0] }
  }

  @Test("does not matter to what is remembered of keys")
  func remembered() throws {
    let (one, other) = (
      LlamaModel(try openTiny(Self.folder)), LlamaModel(try openTiny(Self.file))
    )
    let base: [String: JSONValue] = ["heavy": 4, "recent": 4]
    let networks: [String: JSONValue] = ["kernels": "residual", "kernelHidden": 16]
    let settings = base.merging(networks) { $1 }
    let logits = try Self.logits(one, "less", settings)
    func distance(_ others: [Float]) -> Float {
      zip(logits, others).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }
    #expect(try distance(Self.logits(other, "less", settings)) < 1e-3)
    #expect(try distance(Self.logits(one, "h2o", base)) > 1e-2)
  }
}
