import KVPolicyKit
import Policies
import Testing

@testable import ReferenceModel

@Suite("The engine")
struct EnginePromiseTests {
  static let policies = [
    PolicyConfiguration("full"), PolicyConfiguration("streamingllm", ["sinks": 2, "recent": 10]),
    PolicyConfiguration("h2o", ["heavy": 6, "recent": 6]),
    PolicyConfiguration("snapkv", ["capacity": 12, "window": 4]),
    PolicyConfiguration("morphkv", ["capacity": 12, "window": 4]),
    PolicyConfiguration("tova", ["capacity": 12]),
    PolicyConfiguration("random", ["capacity": 12]),
  ]

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
    var want = SignalCounts()
    switch policy.main.policy {
    case "h2o":
      want.promptColumnSums = layers * chunks
      want.stepProbabilities = layers * steps
    case "snapkv": want.promptRows = layers
    case "morphkv":
      want.promptRows = layers
      want.stepProbabilities = layers * steps
    case "tova":
      want.promptRows = layers
      want.stepProbabilities = layers * steps
    default: break
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

  @Test("gives the same bits with any number of threads", arguments: policies)
  func threads(_ policy: PolicyConfiguration) throws {
    let files = try ModelFiles.open(OracleCase.root + "/models/llama")
    let all = try [1, 2, 3].map { threads in
      let session = try makeSession(LlamaModel(files, threads: threads), policy)
      try session.prefill(Array(0..<40), chunk: 16)
      for token in 40..<50 { try session.decode(token) }
      return copy(session.logits)
    }
    #expect(all[0] == all[1] && all[0] == all[2])
  }

  @Test("with room for everything computes the bits of full attention", arguments: policies)
  func room(_ policy: PolicyConfiguration) throws {
    let ample: [String: [String: JSONValue]] = [
      "streamingllm": ["recent": 100, "positions": "original"], "h2o": ["heavy": 50, "recent": 50],
    ]
    let settings =
      ample[policy.main.policy] ?? (policy.main.policy == "full" ? [:] : ["capacity": 100])
    let pair = try [PolicyConfiguration("full"), PolicyConfiguration(policy.main.policy, settings)]
      .map { configuration in
        let session = try makeSession(try load(), configuration)
        try session.prefill(Array(0..<40))
        for token in 40..<60 { try session.decode(token) }
        return copy(session.logits)
      }
    #expect(pair[0] == pair[1])
  }
}

extension PolicyConfiguration: CustomTestStringConvertible {
  /// The policy's name.
  public var testDescription: String { main.policy }
}
