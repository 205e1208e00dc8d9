import Foundation
import KVPolicyKit
import Policies
import Testing

@testable import ReferenceModel

@Suite("Traces of the published implementations")
struct OracleTests {
  @Test("our logits are those of Hugging Face's", arguments: OracleCase.named("arch-"))
  func architecture(_ one: OracleCase) throws {
    let contents = try one.contents()
    let want = try one.logits(contents)
    let model = try OracleModels.load(contents)
    let session = try makeSession(model, PolicyConfiguration("full"))
    var worst: Float = 0
    try session.prefill(try #require(contents["tokens"]?.integers)) { index, logits in
      for token in 0..<logits.count { worst = max(worst, abs(logits[token] - want[index][token])) }
    }
    #expect(worst <= 2e-4)
  }

  @Test(
    "the same rows are kept at every step, and the logits agree",
    arguments: OracleCase.all.filter { !$0.name.hasPrefix("arch-") && !$0.isLater })
  func policy(_ one: OracleCase) throws {
    let contents = try one.contents()
    let configuration = try PolicyConfiguration(try #require(contents["config"]))
    try replay(one, contents, configuration, registry: .all)
  }

  @Test(
    "heavy hitters chosen once, with the group reduced in three ways",
    arguments: OracleCase.named("factory-h2o"))
  func factoryH2O(_ one: OracleCase) throws {
    let contents = try one.contents()
    let configuration = try PolicyConfiguration(try #require(contents["later_config"]))
    try replay(one, contents, configuration, registry: .all)
  }
}

/// A session with exact rows.
func makeSession(
  _ model: LlamaModel, _ configuration: PolicyConfiguration, registry: PolicyRegistry = .all,
  format: RowFormat = .f32
) throws -> LlamaSession {
  let store = try PagedKVStore(
    shape: model.shape, configuration: StoreConfiguration(format: format))
  let policies = try configuration.makePolicies(registry, shape: model.shape)
  return model.makeSession(store.makeSequence(policies))
}

/// Runs a case and compares it with its trace.
func replay(
  _ one: OracleCase, _ contents: [String: JSONValue], _ configuration: PolicyConfiguration,
  registry: PolicyRegistry
) throws {
  let want = try one.logits(contents)
  let model = try OracleModels.load(contents)
  let session = try makeSession(model, configuration, registry: registry)
  let tokens = try #require(contents["tokens"]?.integers)
  let length = try #require(contents["prompt_length"]?.integer)
  guard case .object(let kept)? = contents["kept"] else { throw ModelError.request("no trace") }
  let hasTies = contents["ties"] != nil
  var worst: Float = 0
  for step in 0...(tokens.count - length) {
    if step == 0 {
      try session.prefill(Array(tokens[..<length]))
    } else {
      try session.decode(tokens[length + step - 1])
    }
    for token in 0..<session.logits.count {
      worst = max(worst, abs(session.logits[token] - want[step][token]))
    }
    #expect(session.sequence.checkInvariants() == nil)
    guard let layers = kept["\(step)"]?.list, !hasTies else { continue }
    for (layer, heads) in layers.enumerated() {
      for (head, positions) in heads.list.enumerated() {
        let ours = session.sequence.keptPositions(layer: layer, head: head)
        try #require(
          ours == positions.integers, "step \(step), layer \(layer), head \(head)")
      }
    }
  }
  if !hasTies { #expect(worst <= 1e-3) }
}
