/// What can be wrong with a sweep's plan or its results.
public enum SweepError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The plan cannot be run.
  case plan(String)
  /// A file of results cannot be used.
  case results(String)

  /// The message shown to a person: what is wrong, what is legal, what to do.
  public var description: String {
    switch self {
    case .plan(let reason), .results(let reason): reason
    }
  }
}
