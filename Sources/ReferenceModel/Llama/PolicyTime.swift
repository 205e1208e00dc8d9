/// Seconds that a session spent on its policies, by hook.
///
/// Signals are the engine's work and not in it. The clock is read four or five times per layer and step.
public struct PolicyTime: Hashable, Sendable, Codable {
  /// In `KVCachePolicy.prefill`.
  public var prefill = 0.0
  /// In `KVCachePolicy.step`. Where it ran on one thread beside the other work of `n`, an n-th counts.
  public var step = 0.0
  /// In `KVCachePolicy.evict`, the check of its plan included. Plans about a whole sequence are
  /// carried out in it too.
  public var evict = 0.0
  /// In the store, carrying plans out.
  public var apply = 0.0

  /// No time.
  public init() {}

  /// All of it.
  public var total: Double { prefill + step + evict + apply }

  /// What was spent between two readings.
  public static func - (later: PolicyTime, earlier: PolicyTime) -> PolicyTime {
    PolicyTime(later, earlier) { $0 - $1 }
  }

  /// Both together.
  public static func + (one: PolicyTime, other: PolicyTime) -> PolicyTime {
    PolicyTime(one, other) { $0 + $1 }
  }

  /// A part of it.
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

/// Seconds from one look at the clock to the next.
struct Stopwatch {
  private var last = ContinuousClock.now

  /// Seconds since the last look, or since the start.
  mutating func lap() -> Double {
    let now = ContinuousClock.now
    let (seconds, attoseconds) = (now - last).components
    last = now
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
