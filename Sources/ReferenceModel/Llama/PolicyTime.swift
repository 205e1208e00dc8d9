/// Seconds that a session spent on its policies, by hook.
///
/// Computing signals is the engine's work and not included. The clock is read four or five times
/// per layer and step.
public struct PolicyTime: Hashable, Sendable, Codable {
  /// In `KVCachePolicy.prefill`.
  public var prefill = 0.0
  /// In `KVCachePolicy.step`, and in a reader's `read` and `step`. If the `step` hook ran on one of
  /// `n` threads while the others did other work, 1/n of its time counts.
  public var step = 0.0
  /// In `KVCachePolicy.evict`, including the check of its plan. A plan about a whole sequence is
  /// also carried out within this time.
  public var evict = 0.0
  /// In the store, which carries plans out.
  public var apply = 0.0

  /// Zero seconds for every hook.
  public init() {}

  /// The sum over all hooks and the store.
  public var total: Double { prefill + step + evict + apply }

  /// The time between two readings.
  public static func - (later: PolicyTime, earlier: PolicyTime) -> PolicyTime {
    PolicyTime(later, earlier) { $0 - $1 }
  }

  /// The sum of two times, hook by hook.
  public static func + (one: PolicyTime, other: PolicyTime) -> PolicyTime {
    PolicyTime(one, other) { $0 + $1 }
  }

  /// Every hook's time divided by `parts`.
  public static func / (time: PolicyTime, parts: Double) -> PolicyTime {
    PolicyTime(time, time) { seconds, _ in seconds / parts }
  }

  private init(_ a: PolicyTime, _ b: PolicyTime, _ join: (Double, Double) -> Double) {
    prefill = join(a.prefill, b.prefill)
    step = join(a.step, b.step)
    evict = join(a.evict, b.evict)
    apply = join(a.apply, b.apply)
  }
}

/// Measures the seconds between readings of the clock.
struct Stopwatch {
  private var last = ContinuousClock.now

  /// Seconds since the last reading, or since the start.
  mutating func lap() -> Double {
    let now = ContinuousClock.now
    let (seconds, attoseconds) = (now - last).components
    last = now
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
