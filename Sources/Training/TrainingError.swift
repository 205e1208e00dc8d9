/// What can be wrong with a request to train.
///
/// Each message says what is wrong, what is legal, and what to do.
public enum TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A kind of model that training does not support.
  case unsupported(what: String, supported: String)
  /// Counts, tokens or sizes that do not fit together.
  case request(String)
  /// A recipe that cannot be read or followed.
  case recipe(String)
  /// A step whose loss or gradients are not finite.
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
