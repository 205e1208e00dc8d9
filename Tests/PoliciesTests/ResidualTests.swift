import KVPolicyKit
import KVPolicyTesting
import Policies
import TestSupport
import Testing

@Suite("A memory of what is forgotten")
struct ResidualTests {
  private static let shape = PolicyTrial().shape
  /// Policies that can have a memory.
  static let forgetful = PolicyVariant.all.filter { variant in
    guard let policy = try? variant.make(shape), !(policy is any ResidualPolicy) else {
      return false
    }
    return policy.positions == .original && policy.phase != .beforeOutput
      && !(policy is any ReadingPolicy)
  }

  private func run(
    _ policy: any KVCachePolicy, reader: (any RowReader)? = nil
  ) throws -> PlainEngine {
    let engine = try PlainEngine(
      .random(shape: Self.shape, seed: 5, rotaryBase: 100), policy: policy, reader: reader)
    try engine.read(30, chunk: 8)
    try engine.step(9)
    try engine.read(11, chunk: 4)
    try engine.step(9)
    return engine
  }

  @Test("of whole rows makes any policy a full cache", arguments: forgetful)
  func whole(_ variant: PolicyVariant) throws {
    let policy = try variant.make(Self.shape)
    let remembering = try run(Remembering(policy))
    let full = try run(PolicyRegistry.all.make("full"))
    for (ours, theirs) in zip(remembering.outputs, full.outputs) {
      for (one, other) in zip(ours, theirs) { #expect(abs(one - other) < 1e-4) }
    }
    let plain = try run(policy)
    #expect(plain.kept == remembering.kept && plain.plans == remembering.plans)
    let memory = remembering.sequence.residual(ofLayer: 0) as? WholeMemory
    #expect(memory?.count == remembering.sequence.statistics.rowsDropped)
  }

  private func less(_ settings: [String: JSONValue]) throws -> any KVCachePolicy {
    let networks: [String: JSONValue] = [
      "kernels": "residual", "kernelHidden": 16,
    ]
    return try PolicyRegistry.tried(on: Self.shape)
      .make("less", settings.merging(networks) { $1 }, shape: Self.shape)
  }

  @Test("changes no bit while nothing is forgotten")
  func nothingFolded() throws {
    let settings: [String: JSONValue] = ["heavy": 100, "recent": 100]
    let plain = try run(PolicyRegistry.all.make("h2o", settings))
    #expect(try run(less(settings)).outputs == plain.outputs)
  }

  /// Networks whose features are 0.
  private struct NoFeatures: ArtifactSource {
    let shape: CacheShape
    func artifact(at path: String) throws(ArtifactError) -> Artifact {
      let random = try RandomArtifacts(shape).artifact(at: path)
      return Artifact(
        kind: random.kind, digest: random.digest,
        tensors: random.tensors.mapValues {
          Tensor(shape: $0.shape, values: $0.values.map { _ in 0 })
        })
    }
  }

  @Test("of no features and no floor changes no bit")
  func noFeatures() throws {
    var registry = PolicyRegistry.all
    registry.artifacts = NoFeatures(shape: Self.shape)
    let base: [String: JSONValue] = ["heavy": 5, "recent": 4]
    let settings: [String: JSONValue] = [
      "heavy": 5, "recent": 4, "floor": 0, "kernels": "residual", "kernelHidden": 16,
    ]
    let engine = try run(registry.make("less", settings, shape: Self.shape))
    let plain = try run(PolicyRegistry.all.make("h2o", base))
    #expect(engine.outputs == plain.outputs && engine.kept == plain.kept)
    #expect(try run(less(base)).outputs != plain.outputs)
  }

  @Test("is constant, and counts as the policy's memory")
  func bytes() throws {
    let engine = try run(less(["heavy": 5, "recent": 4]))
    let plain = try run(PolicyRegistry.all.make("h2o", ["heavy": 5, "recent": 4]))
    let memory = try #require(engine.sequence.residual(ofLayer: 0))
    let before = try #require((less(["heavy": 5, "recent": 4]) as? any ResidualPolicy)?.residual)
    #expect(memory.stateBytes == before.stateBytes && memory.stateBytes > 0)
    #expect(
      engine.sequence.statistics.policyStateBytes
        == plain.sequence.statistics.policyStateBytes + memory.stateBytes)
  }

  @Test("forks with its sequence")
  func forks() throws {
    let origin = try run(less(["heavy": 5, "recent": 4]))
    let fork = origin.fork()
    try fork.step(5)
    try origin.step(5)
    #expect(fork.outputs == origin.outputs)
  }

  static let refused: [([String: JSONValue], String)] = [
    (["base": "quest"], "quest forgets nothing; give it as \"read\" to a policy that does"),
    (["base": "less"], "there is no policy 'less'"), (["base": "h20"], "did you mean"),
    (["base": 7], "'base' cannot be 7"),
    (["positions": "compacted"], "which needs original positions"),
    (
      ["base": "morphkv", "votes": "exact", "attendMask": "perQueryHead"],
      "it decides between a step's logits and its output"
    ),
    (["kernelDim": 3], "this model needs"), (["floor": -1], "'floor' cannot be -1"),
    (["sinks": 4], "'sinks'"),
  ]

  @Test("is refused where it cannot work, with the reason", arguments: refused)
  func refusals(_ settings: [String: JSONValue], _ reason: String) throws {
    let networks: [String: JSONValue] = [
      "kernels": "residual", "kernelHidden": 16,
    ]
    let configuration = PolicyConfiguration("less", networks.merging(settings) { $1 })
    let error = #expect(throws: PolicyError.self) {
      try configuration.makePolicies(.tried(on: Self.shape), shape: Self.shape)
    }
    #expect("\(try #require(error))".contains(reason), "\(error.map { "\($0)" } ?? "")")
  }
}
