/// What can be wrong with a sweep's plan or its results.
public enum SweepError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The plan cannot be run.
  case plan(String)
  /// A file of results cannot be used.
  case results(String)
  /// A measurement ended with an error, such as a bad plan of a policy.
  case measurement(cell: String, reason: String)

  /// The message shown to a person: what is wrong, what is legal, what to do.
  public var description: String {
    switch self {
    case .plan(let reason), .results(let reason): reason
    case .measurement(let cell, let reason): "\(cell): \(reason)"
    }
  }
}
