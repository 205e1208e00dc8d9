import KVPolicyKit
import Policies
import Testing

@testable import ReferenceModel

@Test(
  "every number of threads decodes the same bits",
  arguments: [
    #"{"policy": "full"}"#,
    #"{"policy": "streamingllm", "sinks": 4, "recent": 290}"#,
    #"{"policy": "h2o", "heavy": 145, "recent": 145}"#,
    #"{"policy": "morphkv", "window": 8, "capacity": 290}"#,
    #"{"policy": "morphkv", "window": 8, "capacity": 290, "voters": 20, "fusion": "sum"}"#,
    #"{"policy": "morphkv", "window": 8, "capacity": 290, "votes": "exact", "attendMask": "perQueryHead"}"#,
  ])
func threadsDoNotChangeText(configuration: String) throws {
  // Some 300 rows: more than two of the blocks of rows into which lanes are split.
  let tokens = (0..<340).map { ($0 * 7919 + $0 / 5) % 64 }
  let results = try [1, 2, 3, 5].map { threads in
    let files = try ModelFiles.open(OracleCase.root + "/models/llama")
    let session = try makeSession(
      LlamaModel(files, threads: threads), PolicyConfiguration(parsing: configuration))
    try session.prefill(Array(tokens[..<300]))
    return try tokens[300...].map { token in
      try session.decode(token)
      return (0..<session.logits.count).map { session.logits[$0].bitPattern }
    }
  }
  #expect(results.allSatisfy { $0 == results[0] })
}
