import KVPolicyKit
import ReferenceModel

/// The times of one measurement, repeat by repeat.
struct Samples {
  /// Seconds per repeat: of a prompt, or on average of one step.
  private(set) var seconds: [Double] = []
  private var hookTimes: [PolicyTime] = []
  private var rowSteps: [Double] = []

  /// Times `body`, which does `count` pieces of work with all these sessions together.
  mutating func time(_ sessions: [LlamaSession], count: Int, _ body: () throws -> Void) throws {
    let (hooks, rows) = (sessions.policyTime, sessions.rowSteps)
    let clock = ContinuousClock()
    let start = clock.now
    try body()
    let duration = (clock.now - start).seconds
    // Avoids a division by zero if the clock is too coarse to see the work.
    seconds.append(max(duration, 1e-9) / Double(count))
    hookTimes.append((sessions.policyTime - hooks) / Double(count))
    rowSteps.append((sessions.rowSteps - rows) / Double(count))
  }

  /// Seconds per piece of work, as a mean over the repeats like the seconds in hooks.
  var meanSeconds: Double { seconds.reduce(0, +) / Double(seconds.count) }

  /// Seconds in hooks per piece of work, as a mean over the repeats.
  var hooks: PolicyTime {
    hookTimes.reduce(PolicyTime(), +) / Double(hookTimes.count)
  }

  /// Rows that queries read per piece of work, summed over all lanes, as a mean over the repeats.
  var rowsRead: Double { rowSteps.reduce(0, +) / Double(rowSteps.count) }
}

extension [LlamaSession] {
  fileprivate var policyTime: PolicyTime { reduce(PolicyTime()) { $0 + $1.policyTime } }
  fileprivate var rowSteps: Double { reduce(0) { $0 + $1.sequence.rowsRead } }
}
