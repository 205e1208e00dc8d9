import KVPolicyKit
import KVPolicyTesting
import Policies
import TestSupport
import Testing

/// A policy that forgets, what steps read of it, which of its rows are codes, and whether it
/// remembers what it forgot: drawn from the registry by a seed.
struct DrawnComposition: Sendable, CustomStringConvertible {
  let seed: UInt64
  let configuration: PolicyConfiguration

  var description: String {
    "seed \(seed): \(configuration.main.policy) \(JSONValue.object(configuration.main.settings).text)"
  }

  /// Policies that neither read nor code by themselves.
  static let bases = PolicyVariant.all.filter { variant in
    guard let type = try? PolicyRegistry.all.type(named: variant.name) else { return false }
    return !(type is any ReadingPolicy.Type) && !(type is any CodingPolicy.Type)
      && variant.configuration.main.settings["read"] == nil
  }

  /// Settings of each part under which forty tokens have something to leave unread, or to code.
  static let sizes: [String: [[String: JSONValue]]] = [
    "quest": [
      ["budget": 8, "pageSize": 4, "denseLayers": 0],
      ["budget": 6, "pageSize": 2, "denseLayers": 1, "gqa": "perQueryHead"],
    ],
    "refreshkv": [["partial": 6, "checkEvery": 2, "threshold": 0.5]],
    "clusterkv": [["clusters": 4, "budget": 9, "sinks": 1, "denseLayers": 0]],
    "kivi": [
      ["keyBits": 4, "groupSize": 4, "residual": 8],
      ["valueBits": 8, "groupSize": 2, "residual": 6, "keys": "think"],
    ],
    "think": [["keyChannelRatio": 0.5, "recent": 3, "window": 7]],
    "mikv": [["groupSize": 4], ["groupSize": 2, "highBits": 8, "lowBits": 4]],
  ]

  init(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let base = random.draw(from: Self.bases)
    var (name, settings) = (base.name, base.settings)
    if random.draw(0...3) == 0, name != "less" {
      settings.merge(["base": .string(name), "kernels": "residual", "kernelHidden": 16]) { $1 }
      name = "less"
    }
    let parts = PolicyRegistry.all.parts
    if random.draw(0...3) > 0 {
      settings["read"] = Self.part(parts.readers.map { $0.name }, &random)
    }
    if random.draw(0...3) > 0 {
      settings["codec"] = Self.part(parts.codecs.map { $0.name }, &random)
    }
    (self.seed, configuration) = (seed, PolicyConfiguration(name, settings))
  }

  private static func part(_ names: [String], _ random: inout SplitMix64) -> JSONValue {
    let name = random.draw(from: names)
    let settings = random.draw(from: sizes[name] ?? [[:]])
    return .object(settings.merging(["kind": .string(name)]) { $1 })
  }

  /// The configuration without some of its settings.
  func without(_ names: String...) -> PolicyConfiguration {
    PolicyConfiguration(
      configuration.main.policy, configuration.main.settings.filter { !names.contains($0.key) })
  }
}

@Suite("Drawn compositions") struct DrawnCompositionTests {
  private static let drawn = (1...48).map { DrawnComposition(seed: $0) }
  private let shape = PolicyTrial().shape

  private func make(_ configuration: PolicyConfiguration) throws -> PolicyAssignment {
    try configuration.makePolicies(.tried(on: shape), shape: shape)
  }

  /// A part, as it would be beside a policy that suits every part.
  private func parts(
    _ composition: DrawnComposition
  ) throws -> (reader: (any RowReader)?, codec: (any RowCodec)?) {
    let given = composition.configuration.main.settings
    let beside = given.filter { ["read", "codec"].contains($0.key) }
    let policies = try make(PolicyConfiguration("full", beside))
    return (policies.readers[0], policies.codecs[0])
  }

  /// Why a composition cannot run, by what the policy and the parts declare; nil if it can.
  private func obstacle(_ composition: DrawnComposition) throws -> String? {
    let settings = composition.without("read", "codec").main
    let policy = try PolicyRegistry.tried(on: shape).make(
      settings.policy, settings.settings, shape: shape)
    let (reader, codec) = try parts(composition)
    let remembers = (policy as? any ResidualPolicy)?.residual != nil
    if policy.positions != .original, reader != nil || codec != nil || remembers {
      return "original"
    }
    if policy.phase == .beforeOutput, reader != nil || remembers { return "phase" }
    if policy.probe != nil {
      if let reader, !reader.signals.isEmpty { return "probe" }
      if let codec, !codec.signals.isEmpty { return "probe" }
    }
    return nil
  }

  @Test("obey every rule by declaration, or are refused with the reason", arguments: drawn)
  func rules(_ composition: DrawnComposition) throws {
    if let obstacle = try obstacle(composition) {
      let error = #expect(throws: PolicyError.self) { try make(composition.configuration) }
      let text = "\(try #require(error))"
      #expect(text.contains(obstacle) && text.contains(composition.configuration.main.policy))
      return
    }
    let policies = try make(composition.configuration)
    let violations = checkPolicy(reader: policies.readers[0], codec: policies.codecs[0]) {
      try make(composition.configuration).policies[0]
    }
    #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
  }

  @Test(
    "under one budget of bytes, of unequal lanes, and of three abilities at once obey every rule",
    arguments: [
      #"{"policy": "composed", "score": "window", "budget": {"bytes": 4000}, "#
        + #""codec": {"kind": "kivi", "keyBits": 4, "valueBits": 4, "groupSize": 4, "residual": 8}, "#
        + #""read": {"kind": "quest", "budget": 8, "pageSize": 4, "denseLayers": 0}}"#,
      #"{"policy": "adakv", "capacity": 16, "window": 4, "#
        + #""codec": {"kind": "kivi", "groupSize": 4, "residual": 8}}"#,
      #"{"policy": "less", "heavy": 12, "recent": 12, "kernels": "residual", "kernelHidden": 16, "#
        + #""codec": {"kind": "mikv", "groupSize": 4, "highBits": 8}, "#
        + #""read": {"kind": "quest", "budget": 8, "pageSize": 4, "denseLayers": 0}}"#,
      #"{"policy": "quest", "budget": 8, "pageSize": 4, "denseLayers": 0, "#
        + #""codec": {"kind": "kivi", "groupSize": 4, "residual": 8, "keys": "think"}}"#,
    ])
  func named(_ text: String) throws {
    let configuration = try PolicyConfiguration(parsing: text)
    let policies = try make(configuration)
    let own = policies.policies[0] is any ReadingPolicy
    let violations = checkPolicy(
      reader: own ? nil : policies.readers[0], codec: policies.codecs[0]
    ) { try make(configuration).policies[0] }
    #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
  }

  @Test("name every reader and codec, and are of every kind")
  func covered() throws {
    let parts = PolicyRegistry.all.parts
    let names = parts.readers.map { $0.name } + parts.codecs.map { $0.name }
    #expect(Set(DrawnComposition.sizes.keys) == Set(names))
    let settings = Self.drawn.map(\.configuration.main.settings)
    for name in names {
      let isDrawn = settings.contains { given in
        [given["read"], given["codec"]].contains { part in
          guard case .object(let members) = part else { return false }
          return members["kind"] == .string(name)
        }
      }
      #expect(isDrawn, "\(name)")
    }
    let refused = try Self.drawn.filter { try obstacle($0) != nil }
    #expect(refused.count > 3 && refused.count < Self.drawn.count / 2, "\(refused.count)")
    let whole = Self.drawn.filter {
      let policies = try? make($0.configuration)
      return policies?.readers[0] != nil && policies?.codecs[0] != nil
    }
    #expect(whole.contains { $0.configuration.main.policy == "less" }, "all three at once")
  }
}
