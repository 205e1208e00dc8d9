/// What can be wrong with a request to train.
///
/// Each message says what is wrong, what is legal, and what to do.
public enum TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The model is one that training does not know.
  case unsupported(what: String, supported: String)
  /// Numbers, tokens or sizes that do not fit together.
  case request(String)

  /// The message shown to a person.
  public var description: String {
    switch self {
    case .unsupported(let what, let supported): "cannot train \(what); supported: \(supported)"
    case .request(let reason): reason
    }
  }
}
