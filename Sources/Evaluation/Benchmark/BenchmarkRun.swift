import KVPolicyKit
import ReferenceModel

/// One entry at one length: a prompt of this length, and the decode steps after it.
struct BenchmarkRun {
  /// Untimed steps after a prompt: the first steps allocate memory, and some policies choose their
  /// rows from the prompt then.
  static let warmUpSteps = 4

  let benchmark: Benchmark
  let entry: PolicyEntry
  /// Tokens of the prompt; at 0, decoding begins with an empty cache.
  let length: Int
  /// At least as many tokens as the prompt, the warm-up and the timed steps need.
  let tokens: [Int]
  /// The index of this run, and the number of runs.
  let place: (run: Int, runs: Int)

  private var timesPrefill: Bool { benchmark.prefillLengths.contains(length) }
  private var timesDecode: Bool { benchmark.decodeDepths.contains(length) }

  /// Times the prompt, the decode steps, or both, as the benchmark asks for at this length.
  func measure(progress: (RunProgress) -> Void) throws -> [BenchmarkRow] {
    progress(at(0))
    var rows: [BenchmarkRow] = []
    var session = try makeSession()
    if timesPrefill {
      // Loads the weights.
      try session.prefill(
        Array(tokens.prefix(min(length, benchmark.chunk))), chunk: benchmark.chunk)
      var samples = Samples()
      for pass in 0..<benchmark.repeats {
        session = try makeSession()
        try samples.time([session], count: 1) { try read(session) }
        progress(at((pass + 1) * length))
      }
      rows.append(row(.prefill, samples, session))
    } else if length > 0 {
      try read(session)
    }
    if timesDecode { rows.append(try measureDecode(session, progress: progress)) }
    return rows
  }

  /// Times the decode steps after the prompt.
  private func measureDecode(
    _ session: LlamaSession, progress: (RunProgress) -> Void
  ) throws -> BenchmarkRow {
    var rest = tokens[length...]
    for token in rest.prefix(Self.warmUpSteps) { try session.decode(token) }
    rest = rest.dropFirst(Self.warmUpSteps)
    var samples = Samples()
    for pass in 0..<benchmark.repeats {
      try samples.time([session], count: benchmark.steps) {
        for token in rest.prefix(benchmark.steps) { try session.decode(token) }
      }
      rest = rest.dropFirst(benchmark.steps)
      progress(at(prefillTokens + (pass + 1) * benchmark.steps))
    }
    return row(.decode, samples, session)
  }

  private func read(_ session: LlamaSession) throws {
    try session.prefill(Array(tokens.prefix(length)), chunk: benchmark.chunk)
  }

  /// A session over an empty cache in its own store.
  private func makeSession() throws -> LlamaSession {
    let model = benchmark.model
    return try model.makeSession(
      entry.configuration, registry: benchmark.registry,
      in: PagedKVStore(shape: model.shape, configuration: benchmark.store))
  }

  private func row(
    _ work: BenchmarkRow.Work, _ samples: Samples, _ session: LlamaSession
  ) -> BenchmarkRow {
    let cost =
      switch work {
      case .prefill: TokenCost.prompt(length, rowsRead: samples.rowsRead, session: session)
      case .decode, .batch: TokenCost.step(rowsRead: samples.rowsRead, session: session)
      }
    return BenchmarkRow(
      work, tokens: length, entry: entry, samples, tokensPerSample: work == .prefill ? length : 1,
      cost, [session])
  }

  private var prefillTokens: Int { timesPrefill ? benchmark.repeats * length : 0 }

  private func at(_ tokens: Int) -> RunProgress {
    RunProgress(
      label: "\(entry.label) at \(length)", run: place.run, runs: place.runs, tokens: tokens,
      totalTokens: prefillTokens + (timesDecode ? benchmark.repeats * benchmark.steps : 0))
  }
}

extension BenchmarkRow {
  /// A row from the measurements of these sessions; the floor is filled in later.
  ///
  /// - Parameter tokensPerSample: tokens read in the time of one sample.
  init(
    _ work: Work, tokens: Int, entry: PolicyEntry, _ samples: Samples, tokensPerSample: Int,
    _ cost: TokenCost, _ sessions: [LlamaSession]
  ) {
    let statistics = sessions.map { $0.sequence.statistics }
    let lanes = sessions.reduce(0) { $0 + $1.model.shape.lanes }
    self.init(
      work: work, tokens: tokens, label: entry.label, configuration: entry.configuration.value,
      budget: entry.budget, budgetBytes: entry.budgetBytes, takesBudget: entry.takesBudget,
      grows: sessions.contains { $0.sequence.grows },
      seconds: Spread(samples.seconds),
      tokensPerSecond: Spread(samples.seconds).rate(Double(tokensPerSample)),
      bytes: Int(cost.bytes.rounded()), operations: cost.operations, floorSeconds: 0, floorShare: 0,
      hookSeconds: samples.hooks, hookShare: samples.hooks.total / samples.meanSeconds,
      rowsPerLane: Double(statistics.reduce(0) { $0 + $1.rowsLive }) / Double(lanes),
      residentBytes: statistics.reduce(0) { $0 + $1.residentBytes },
      meanResidentBytes: statistics.reduce(0) { $0 + $1.meanResidentBytes },
      peakResidentBytes: statistics.reduce(0) { $0 + $1.peakResidentBytes },
      policyBytes: statistics.reduce(0) { $0 + $1.policyStateBytes },
      readRows: statistics.meanReadRows, readBytes: statistics.meanReadBytes)
  }
}
