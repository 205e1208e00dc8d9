/// The progress of a long measurement.
public struct RunProgress: Equatable, Sendable {
  /// The name of the current run: a policy, or a measurement.
  public var label: String
  /// The index of the current run among all runs, from 0.
  public var run: Int
  /// The number of runs.
  public var runs: Int
  /// Tokens read in this run.
  public var tokens: Int
  /// Tokens that this run will read in all.
  public var totalTokens: Int

  /// Progress at a given moment.
  public init(label: String, run: Int, runs: Int, tokens: Int, totalTokens: Int) {
    (self.label, self.run, self.runs) = (label, run, runs)
    (self.tokens, self.totalTokens) = (tokens, totalTokens)
  }
}
