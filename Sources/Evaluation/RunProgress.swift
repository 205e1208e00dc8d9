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

  /// A place in a run.
  public init(label: String, run: Int, runs: Int, tokens: Int, totalTokens: Int) {
    (self.label, self.run, self.runs) = (label, run, runs)
    (self.tokens, self.totalTokens) = (tokens, totalTokens)
  }
}
