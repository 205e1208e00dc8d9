import KVPolicyKit
import ReferenceModel

/// One entry at one depth with several sequences in one store: each reads its own prompt, then all
/// decode together.
struct BatchRun {
  let benchmark: Benchmark
  let entry: PolicyEntry
  /// Tokens of each prompt; at 0, decoding begins with empty caches.
  let depth: Int
  /// The number of sequences.
  let size: Int
  /// At least as many tokens as the prompt, the warm-up and the timed steps need.
  let tokens: [Int]
  /// The index of this run, and the number of runs.
  let place: (run: Int, runs: Int)

  /// Times the steps that follow the prompts.
  func measure(progress: (RunProgress) -> Void) throws -> [BenchmarkRow] {
    let sessions = try makeSessions(progress: progress)
    for step in 0..<BenchmarkRun.warmUpSteps { try decode(step, sessions) }
    var samples = Samples()
    for pass in 0..<benchmark.repeats {
      let first = BenchmarkRun.warmUpSteps + pass * benchmark.steps
      try samples.time(sessions, count: benchmark.steps) {
        for step in first..<first + benchmark.steps { try decode(step, sessions) }
      }
      progress(at(size * (depth + (pass + 1) * benchmark.steps)))
    }
    let cost = TokenCost.step(
      sequences: size, rowsRead: samples.rowsRead, session: sessions[0])
    var row = BenchmarkRow(
      .batch, tokens: depth, entry: entry, samples, tokensPerSample: size, cost, sessions)
    row.sequences = size
    return [row]
  }

  /// Sessions that have read their prompts.
  private func makeSessions(progress: (RunProgress) -> Void) throws -> [LlamaSession] {
    let model = benchmark.model
    let store = try PagedKVStore(shape: model.shape, configuration: benchmark.store)
    return try (0..<size).map { number in
      progress(at(number * depth))
      let session = try model.makeSession(
        entry.configuration, registry: benchmark.registry, in: store)
      if depth > 0 {
        let prompt = (0..<depth).map { token($0, of: number) }
        try session.prefill(prompt, chunk: benchmark.chunk)
      }
      return session
    }
  }

  private func decode(_ step: Int, _ sessions: [LlamaSession]) throws {
    let tokens = sessions.indices.map { token(depth + step, of: $0) }
    try benchmark.model.decode(tokens, of: sessions)
  }

  /// A token of a sequence; all sequences read the same random text, each from a different start.
  private func token(_ index: Int, of sequence: Int) -> Int {
    tokens[(index + 7 * sequence) % tokens.count]
  }

  private func at(_ read: Int) -> RunProgress {
    RunProgress(
      label: "\(size) x \(entry.label) at \(depth)", run: place.run, runs: place.runs, tokens: read,
      totalTokens: size * (depth + benchmark.repeats * benchmark.steps))
  }
}
