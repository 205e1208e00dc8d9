import KVPolicyKit
import ReferenceModel

/// A single sequence that runs to its end, to measure its rows and bytes on the way.
final class CapacityScout {
  let entry: PolicyEntry
  let session: LlamaSession
  private let poolBytes: Int
  /// The most bytes that the sequence took at once.
  var peakBytes: Int { session.sequence.statistics.peakResidentBytes }
  /// The last step that changed the number of rows or bytes; 0 is the prompt.
  private(set) var lastChange = 0
  /// Tokens read when the pool was full; nil if it never was.
  private(set) var fullAt: Int?
  private var last = (rows: 0, bytes: 0)
  private var step = 0

  init(_ entry: PolicyEntry, of capacity: Capacity, session: LlamaSession) {
    self.entry = entry
    self.session = session
    poolBytes = capacity.poolBytes
  }

  /// Reads the cache's rows and bytes after a prompt or step.
  func look() {
    let statistics = session.sequence.statistics
    let now = (rows: statistics.rowsLive, bytes: statistics.residentBytes)
    if now != last { lastChange = step }
    last = now
    step += 1
    if statistics.peakResidentBytes > poolBytes { stop() }
  }

  /// Removes the scout from the run: the pool has no room for its next token.
  func stop() { fullAt = session.sequence.length.tokens }
}

extension Capacity {
  /// Runs all scouts together to their ends, each in its own store.
  func send(_ scouts: [CapacityScout], progress: (RunProgress) -> Void) throws {
    for scout in scouts {
      progress(at(0, of: scouts))
      do throws(SessionError) {
        try scout.session.prefill(tokens(0..<promptTokens, ofSequence: 0), chunk: chunk)
        scout.look()
      } catch {
        guard case .store(let reason) = error, reason.meansFull else { throw error }
        scout.stop()
      }
    }
    var (step, running) = (0, scouts.filter { $0.fullAt == nil })
    while step < generatedTokens, !running.isEmpty {
      let token = tokens(promptTokens + step..<promptTokens + step + 1, ofSequence: 0)
      do throws(BatchError) {
        try model.decode(running.flatMap { _ in token }, of: running.map(\.session))
        for scout in running { scout.look() }
        step += 1
      } catch {
        // A step that the store refuses advances no sequence, so the remaining scouts repeat it.
        guard case .store(let number, let reason) = error, reason.meansFull else { throw error }
        running[number].stop()
      }
      running = running.filter { $0.fullAt == nil }
      if step.isMultiple(of: 64) { progress(at(step, of: scouts)) }
    }
  }

  private func at(_ step: Int, of scouts: [CapacityScout]) -> RunProgress {
    RunProgress(
      label: "one of each alone", run: 0, runs: scouts.count + 1, tokens: step,
      totalTokens: generatedTokens)
  }
}

extension StoreError {
  /// Whether the store had no room.
  var meansFull: Bool {
    switch self {
    case .poolFull, .columnsFull: true
    case .badPlan, .badSetting, .badRequest: false
    }
  }
}
