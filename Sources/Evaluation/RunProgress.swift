/// How far a long run is.
public struct RunProgress: Equatable, Sendable {
  /// What runs now: a policy, or a measurement.
  public var label: String
  /// Its place among all runs, from 0.
  public var run: Int
  /// How many runs there are.
  public var runs: Int
  /// Tokens read in this run.
  public var tokens: Int
  /// Tokens it will read.
  public var totalTokens: Int
}
