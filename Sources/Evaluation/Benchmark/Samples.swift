import KVPolicyKit
import ReferenceModel

/// What was timed, repeat by repeat.
struct Samples {
  /// Per repeat: seconds of a prompt, or of one step on average.
  private(set) var seconds: [Double] = []
  private var hookTimes: [PolicyTime] = []
  private var rowSteps: [Double] = []

  /// Times `body`, which does `count` pieces of work with all of these sessions together.
  mutating func time(_ sessions: [LlamaSession], count: Int, _ body: () throws -> Void) throws {
    let (hooks, rows) = (sessions.policyTime, sessions.rowSteps)
    let clock = ContinuousClock()
    let start = clock.now
    try body()
    let duration = (clock.now - start).seconds
    // A clock too coarse to see the work must not turn into a division by nothing.
    seconds.append(max(duration, 1e-9) / Double(count))
    hookTimes.append((sessions.policyTime - hooks) / Double(count))
    rowSteps.append((sessions.rowSteps - rows) / Double(count))
  }

  /// Seconds of a piece of work, on average over the repeats, as the hooks' are.
  var meanSeconds: Double { seconds.reduce(0, +) / Double(seconds.count) }

  /// Seconds in hooks per piece of work, on average.
  var hooks: PolicyTime {
    hookTimes.reduce(PolicyTime(), +) / Double(hookTimes.count)
  }

  /// Rows that queries read per piece of work, over all lanes, on average.
  var rowsRead: Double { rowSteps.reduce(0, +) / Double(rowSteps.count) }
}

extension [LlamaSession] {
  fileprivate var policyTime: PolicyTime { reduce(PolicyTime()) { $0 + $1.policyTime } }
  fileprivate var rowSteps: Double { reduce(0) { $0 + $1.sequence.rowSteps } }
}

extension KVSequence {
  /// Rows that queries have read so far, over all lanes: what the KV footprint counts.
  fileprivate var rowSteps: Double {
    let tokens = Double(length.tokens)
    return statistics.footprint * Double(store.shape.lanes) * tokens * (tokens + 1) / 2
  }
}
