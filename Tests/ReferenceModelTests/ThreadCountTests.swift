import KVPolicyKit
import Policies
import ReferenceModel
import TestSupport
import Testing

@Test(
  "every number of threads decodes the same bits",
  arguments: PolicyConfiguration.everyPolicy(rows: 290) + [
    PolicyConfiguration("full"),
    PolicyConfiguration("morphkv", ["capacity": 290, "voters": 20, "fusion": "sum"]),
    PolicyConfiguration(
      "morphkv",
      ["capacity": 290, "window": 8, "votes": "exact", "attendMask": "perQueryHead"]),
  ])
func threadsDoNotChangeText(configuration: PolicyConfiguration) throws {
  // Some 300 rows: more than two of the blocks of rows into which lanes are split.
  let tokens = (0..<340).map { ($0 * 7919 + $0 / 5) % 64 }
  let results = try [1, 2, 3, 5].map { threads in
    let files = try ModelFiles.open(OracleCase.root + "/models/llama")
    let session = try makeSession(LlamaModel(files, threads: threads), configuration)
    try session.prefill(Array(tokens[..<300]))
    return try tokens[300...].map { token in
      try session.decode(token)
      return (0..<session.logits.count).map { session.logits[$0].bitPattern }
    }
  }
  #expect(results.allSatisfy { $0 == results[0] })
}
