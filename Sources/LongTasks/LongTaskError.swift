/// What can be wrong with a request for a sample, or with a file of samples.
public enum LongTaskError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A number, a name or a setting that is not legal.
  case request(String)
  /// Even the smallest sample of the task needs more tokens.
  case tooShort(task: String, tokens: Int, needed: Int)
  /// A file that is not what its format says. The place is a line or an item of a list, from 1.
  case file(name: String, place: String, reason: String)

  /// The message shown to a person.
  public var description: String {
    switch self {
    case .request(let reason): reason
    case .tooShort(let task, let tokens, let needed):
      "\(tokens) tokens cannot hold a sample of '\(task)'; its prompt and answer need \(needed)"
    case .file(let name, let place, let reason):
      "\(name): \(place.isEmpty ? "" : place + ": ")\(reason)"
    }
  }
}
