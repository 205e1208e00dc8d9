import KVPolicyKit
import ReferenceModel

/// The run of as many sequences as fit, for a policy whose scout has finished.
struct CapacityRun {
  let capacity: Capacity
  let scout: CapacityScout
  /// The index of this run, and the number of runs.
  let place: (run: Int, runs: Int)

  /// Runs as many sequences as fit without any of them ever being refused a page.
  func row(progress: (RunProgress) -> Void) throws -> CapacityRow {
    let fitting = scout.fullAt == nil ? capacity.poolBytes / max(scout.peakBytes, 1) : 0
    var sequences = min(fitting, capacity.mostSequences)
    while sequences > 0 {
      if var row = try measure(sequences, progress: progress) {
        row.fitting = sequences < min(fitting, capacity.mostSequences) ? sequences : fitting
        return row
      }
      // The cache may depend on the text, and another sequence may need more than the scout did.
      sequences -= 1
    }
    return makeRow([])
  }

  /// Whether the scout's cache stayed constant over at least `measuredSteps` last steps.
  private var isConstant: Bool {
    capacity.generatedTokens - scout.lastChange >= capacity.measuredSteps
  }

  /// The number of steps of a run, and how many of its last steps are timed.
  private var steps: (made: Int, timed: Int) {
    isConstant
      ? (scout.lastChange + capacity.measuredSteps, capacity.measuredSteps)
      : (capacity.generatedTokens, capacity.generatedTokens)
  }

  /// Runs `count` sequences together; nil if they did not fit.
  private func measure(
    _ count: Int, progress: (RunProgress) -> Void
  ) throws -> CapacityRow? {
    let store = try capacity.makeStore()
    let sessions = try (0..<count).map { _ in try capacity.makeSession(scout.entry, in: store) }
    do {
      var row = makeRow(sessions)
      row.tokensPerSecond = try rate(sessions, progress: progress)
      let peak = sessions.reduce(0) { $0 + $1.sequence.statistics.peakResidentBytes }
      guard peak <= capacity.poolBytes else { return nil }
      row.note(sessions)
      return row
    } catch SessionError.store(let error) where error.meansFull {
      return nil
    } catch BatchError.store(_, let error) where error.meansFull {
      return nil
    }
  }

  /// Tokens per second of all sequences together, in the timed steps.
  private func rate(
    _ sessions: [LlamaSession], progress: (RunProgress) -> Void
  ) throws -> Double {
    let (prompt, count) = (capacity.promptTokens, sessions.count)
    for (number, session) in sessions.enumerated() {
      try session.prefill(
        capacity.tokens(0..<prompt, ofSequence: number), chunk: capacity.chunk)
      progress(at(0, count))
    }
    let clock = ContinuousClock()
    var start = clock.now
    for step in 0..<steps.made {
      if step == steps.made - steps.timed { start = clock.now }
      let tokens = sessions.indices.flatMap {
        capacity.tokens(prompt + step..<prompt + step + 1, ofSequence: $0)
      }
      try capacity.model.decode(tokens, of: sessions)
      if step.isMultiple(of: 16) { progress(at(step, count)) }
    }
    return Double(count * steps.timed) / max((clock.now - start).seconds, 1e-9)
  }

  private func makeRow(_ sessions: [LlamaSession]) -> CapacityRow {
    CapacityRow(
      label: scout.entry.label, configuration: scout.entry.configuration.value,
      budget: scout.entry.budget, budgetBytes: scout.entry.budgetBytes,
      takesBudget: scout.entry.takesBudget, grows: scout.session.sequence.grows,
      sequences: sessions.count, fitting: 0, bytesPerSequence: scout.peakBytes,
      meanBytesPerSequence: scout.session.sequence.statistics.meanResidentBytes,
      fullAt: scout.fullAt, tokensPerSecond: nil, bytesInUse: 0, policyBytes: 0, rowsPerLane: 0,
      steps: sessions.isEmpty ? 0 : steps.made, timedSteps: sessions.isEmpty ? 0 : steps.timed)
  }

  private func at(_ step: Int, _ count: Int) -> RunProgress {
    RunProgress(
      label: "\(count) x \(scout.entry.label)", run: place.run, runs: place.runs, tokens: step,
      totalTokens: steps.made)
  }
}

extension CapacityRow {
  /// Records the bytes and rows that these sequences hold.
  fileprivate mutating func note(_ sessions: [LlamaSession]) {
    let statistics = sessions.map { $0.sequence.statistics }
    let lanes = sessions.reduce(0) { $0 + $1.model.shape.lanes }
    bytesInUse = statistics.reduce(0) { $0 + $1.residentBytes }
    policyBytes = statistics.reduce(0) { $0 + $1.policyStateBytes }
    rowsPerLane = Double(statistics.reduce(0) { $0 + $1.rowsLive }) / Double(lanes)
  }
}
