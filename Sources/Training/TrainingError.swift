/// What can be wrong with a request to train.
///
/// Each message says what is wrong, what is legal, and what to do.
public enum TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The model is one that training does not know.
  case unsupported(what: String, supported: String)
  /// Numbers, tokens or sizes that do not fit together.
  case request(String)
  /// A recipe that is none, or cannot be followed.
  case recipe(String)
  /// A step whose loss or gradients are no finite numbers.
  case diverged(step: Int)

  /// The message shown to a person.
  public var description: String {
    switch self {
    case .unsupported(let what, let supported): "cannot train \(what); supported: \(supported)"
    case .request(let reason): reason
    case .recipe(let reason): "recipe: \(reason)"
    case .diverged(let step):
      "the loss of step \(step) is no finite number; try a lower rate or a longer warm-up"
    }
  }
}
