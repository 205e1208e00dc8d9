import KVPolicyKit
import Policies
import TestSupport
import Testing

@testable import ReferenceModel

@Suite("The engine")
struct EnginePromiseTests {
  static let policies = [PolicyConfiguration("full")] + PolicyConfiguration.everyPolicy(rows: 12)

  private func load() throws -> LlamaModel {
    LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"))
  }

  private func copy(_ logits: Span<Float>) -> [Float] { (0..<logits.count).map { logits[$0] } }

  @Test("computes the signals its policy declared and no others", arguments: policies)
  func signals(_ policy: PolicyConfiguration) throws {
    let session = try makeSession(try load(), policy)
    try session.prefill(Array(0..<40), chunk: 16)
    for token in 40..<50 { try session.decode(token) }
    let (layers, steps, chunks) = (3, 10, 3)
    let made = try PolicyRegistry.all.make(policy.main.policy, policy.main.settings)
    let reader = (made as? any ReadingPolicy)?.reader
    let declared = SignalSet(made.signals.union(reader?.signals ?? []))
    var want = SignalCounts()
    want.probes = made.probe == nil ? 0 : layers
    want.promptColumnSums = declared.promptColumnSums ? layers * chunks : 0
    want.promptRows = declared.promptRows > 0 ? layers : 0
    want.queries = declared.rawQueries ? layers * chunks : 0
    if declared.turnedQueries { want.queries = layers * (chunks + steps) }
    want.valueReach = declared.valueReach ? layers : 0
    // R-KV, the only shipped policy that asks for them, looks at none of these steps.
    want.recentRows = declared.recentRows > 0 ? layers : 0
    want.stepLogits = declared.stepLogits ? layers * steps : 0
    want.stepProbabilities = declared.stepProbabilities ? layers * steps : 0
    if reader != nil {
      // A reader is shown probabilities only where a layer is read whole.
      want.reads = session.signalCounts.reads
      #expect(want.reads > layers * steps / 2)
      if declared.stepProbabilities { want.stepProbabilities -= want.reads }
    }
    #expect(session.signalCounts == want)
  }

  @Test("books a hook's time to that hook", arguments: policies)
  func policyTime(_ policy: PolicyConfiguration) throws {
    let session = try makeSession(try load(), policy)
    #expect(session.policyTime == PolicyTime())
    try session.prefill(Array(0..<40), chunk: 16)
    let prompt = session.policyTime
    #expect(prompt.prefill > 0 && prompt.step == 0 && prompt.evict > 0)
    for token in 40..<50 { try session.decode(token) }
    let decode = session.policyTime - prompt
    #expect(decode.prefill == 0 && decode.step > 0 && decode.evict > 0 && decode.apply > 0)
    #expect(decode.total == decode.step + decode.evict + decode.apply)
    let half = (decode + decode) / 4
    #expect(half.step == decode.step / 2 && half.apply == decode.apply / 2)
  }

  @Test(
    "with room for everything computes the bits of full attention",
    arguments: PolicyConfiguration.everyPolicy(rows: 100))
  func room(_ policy: PolicyConfiguration) throws {
    var ample = policy
    // Keys that are stored un-rotated are rotated when they are read, which may round differently.
    if ample.main.policy == "streamingllm" { ample.main.settings["positions"] = "original" }
    let pair = try [PolicyConfiguration("full"), ample]
      .map { configuration in
        let session = try makeSession(try load(), configuration)
        try session.prefill(Array(0..<40))
        for token in 40..<60 { try session.decode(token) }
        return copy(session.logits)
      }
    #expect(pair[0] == pair[1])
  }
}
