import KVPolicyKit
import Policies
import Testing

@testable import ReferenceModel

/// Three later systems written as policies of a user: no hook, no store, no model was touched for them.
@Suite("The contract holds other systems")
struct GeneralityTests {
  static let registry = PolicyRegistry([PyramidKV.self, AdaKV.self, ChunkKV.self])

  @Test(
    "PyramidKV keeps what KVCache-Factory kept",
    arguments: OracleCase.named("factory-pyramid-kvhead"))
  func pyramid(_ one: OracleCase) throws {
    try replay(one, as: "pyramidkv", part: "budget", names: ["beta"])
  }

  @Test("AdaKV keeps what kvpress kept", arguments: OracleCase.named("kvpress-adakv"))
  func adaptive(_ one: OracleCase) throws {
    try replay(one, as: "adakv", part: "budget", names: ["floor"])
  }

  @Test("ChunkKV keeps what kvpress kept", arguments: OracleCase.named("kvpress-chunkkv"))
  func chunks(_ one: OracleCase) throws {
    try replay(one, as: "chunkkv", part: "unit", names: ["size"])
  }

  /// Replays a case whose configuration is SnapKV's with a part that these policies take as settings.
  private func replay(
    _ one: OracleCase, as policy: String, part: String, names: [String]
  ) throws {
    let contents = try one.contents()
    guard case .object(var settings)? = contents["later_config"],
      case .object(let extra)? = settings.removeValue(forKey: part)
    else { throw ModelError.request("the case has no \(part)") }
    for name in names { settings[name] = extra[name] }
    let known = Set(try Self.registry.settings(of: policy).map(\.name))
    settings = settings.filter { known.contains($0.key) }
    try ReferenceModelTests.replay(
      one, contents, PolicyConfiguration(policy, settings), registry: Self.registry)
  }
}
