import KVPolicyKit
import Policies
import Testing

@testable import ReferenceModel

/// Biases, and norms of queries and keys, in every path through the layers. `OracleTests` compares
/// their results with Hugging Face's.
@Suite("A model with biases or head norms") struct QwenTests {
  private static let names = ["qwen2", "qwen3"]
  private let tokens = (0..<70).map { ($0 * 37 + $0 / 5 * 11 + 3) % 64 }

  private func session(
    _ name: String, _ policy: PolicyConfiguration = PolicyConfiguration("full"), threads: Int = 2
  ) throws -> LlamaSession {
    let files = try ModelFiles.open(OracleCase.root + "/models/\(name)")
    return try makeSession(LlamaModel(files, threads: threads), policy)
  }

  private func logits(_ session: LlamaSession) -> [Float] {
    session.logits.indices.map { session.logits[$0] }
  }

  private func distance(_ one: LlamaSession, _ other: LlamaSession) -> Float {
    zip(logits(one), logits(other)).map { abs($0 - $1) }.max() ?? .infinity
  }

  @Test("reads a prompt as it reads single tokens", arguments: names)
  func steps(_ name: String) throws {
    let (prompt, steps) = (try session(name), try session(name))
    try prompt.prefill(tokens, chunk: 23)
    for token in tokens { try steps.decode(token) }
    #expect(distance(prompt, steps) < 1e-4)
  }

  @Test("reads keys that are stored un-rotated as it reads rotated ones", arguments: names)
  func unrotated(_ name: String) throws {
    let whole = try session(name)
    // Nothing is forgotten, so that every row is placed at its position.
    let placed = try session(
      name, PolicyConfiguration("streamingllm", ["sinks": 2, "recent": 200]))
    #expect(placed.declared[0].rule == .compacted)
    for session in [whole, placed] { try session.prefill(Array(tokens[..<40])) }
    #expect(distance(whole, placed) < 1e-4)
    for token in tokens[40...] {
      for session in [whole, placed] { try session.decode(token) }
      #expect(distance(whole, placed) < 1e-4)
    }
  }

  @Test("computes the same bits on any number of threads", arguments: names)
  func threads(_ name: String) throws {
    let runs = try [1, 2, 3].map { threads in
      let session = try session(name, threads: threads)
      try session.prefill(tokens)
      let first = logits(session)
      try session.decode(5)
      return [first, logits(session)]
    }
    #expect(runs[1] == runs[0] && runs[2] == runs[0])
  }

  @Test("computes the same bits from a folder and from a GGUF file", arguments: names)
  func formats(_ name: String) throws {
    let tiny = TinyQwen(name)
    let runs = try [openTiny(tiny.folder), openTiny(tiny.gguf())].map { files in
      let session = try makeSession(LlamaModel(files), PolicyConfiguration("full"))
      try session.prefill([3, 1, 4, 1, 5])
      try session.decode(2)
      return logits(session)
    }
    #expect(runs[0] == runs[1] && runs[0].allSatisfy { $0.isFinite })
  }

  @Test(
    "decodes quantised weights in integers, alone and in a batch, to the same bits",
    arguments: names)
  func quantised(_ name: String) throws {
    let model = LlamaModel(try openTiny(TinyQwen(name).gguf(.q8_0)), arithmetic: .integer)
    let sessions = try (0..<3).map { _ in try makeSession(model, PolicyConfiguration("full")) }
    for session in sessions { try session.prefill([3, 1, 4]) }
    try model.decode([5, 6], of: Array(sessions[..<2]))
    try sessions[2].decode(5)
    #expect(logits(sessions[0]) == logits(sessions[2]))
    #expect(logits(sessions[0]) != logits(sessions[1]))
  }
}
