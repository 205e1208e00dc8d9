/// The score of a response, or the pooled score of several responses.
public struct SampleScore: Equatable, Sendable {
  /// Checks of a kind, counted with both denominators.
  public struct Tally: Equatable, Sendable {
    /// The number of checks that succeeded.
    public var hits = 0
    /// The number of checks whose block the response has. LongGenBench divides by this number.
    public var found = 0
    /// The number of all checks.
    public var due = 0

    /// The share of hits among the checks whose block exists; nil if there are none. A response
    /// that stops early can score high.
    public var accuracy: Double? { found == 0 ? nil : Double(hits) / Double(found) }
    /// The share of hits among all checks; nil if there are none.
    public var strictAccuracy: Double? { due == 0 ? nil : Double(hits) / Double(due) }
  }

  /// The main measure, from 0 to 1.
  public var value: Double
  /// Counted checks by kind. Pooling adds them.
  public var tallies: [String: Tally]
  /// Further measures by name. Pooling averages them.
  public var measures: [String: Double]

  init(value: Double, tallies: [String: Tally] = [:], measures: [String: Double] = [:]) {
    (self.value, self.tallies, self.measures) = (value, tallies, measures)
  }

  /// The mean of the kinds' accuracies, with LongGenBench's denominator or the strict one; nil
  /// without checks.
  public func meanAccuracy(strict: Bool) -> Double? {
    let shares = tallies.sorted { $0.key < $1.key }.compactMap {
      strict ? $0.value.strictAccuracy : $0.value.accuracy
    }
    return shares.isEmpty ? nil : shares.reduce(0, +) / Double(shares.count)
  }

  /// The score of several responses together: values and measures are averaged, tallies are added.
  /// Nil without scores.
  public static func pooled(_ scores: [SampleScore]) -> SampleScore? {
    guard !scores.isEmpty else { return nil }
    var pooled = SampleScore(
      value: scores.reduce(0) { $0 + $1.value } / Double(scores.count))
    var counts: [String: Int] = [:]
    for score in scores {
      for (kind, tally) in score.tallies {
        pooled.tallies[kind, default: Tally()].hits += tally.hits
        pooled.tallies[kind, default: Tally()].found += tally.found
        pooled.tallies[kind, default: Tally()].due += tally.due
      }
      for (name, value) in score.measures {
        pooled.measures[name, default: 0] += value
        counts[name, default: 0] += 1
      }
    }
    for (name, count) in counts { pooled.measures[name, default: 0] /= Double(count) }
    return pooled
  }
}
