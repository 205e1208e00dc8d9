/// What can be wrong with a checkpoint that is written or read.
///
/// Each message says what is wrong, what is legal, and what to do.
public enum CheckpointError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A list of words that would make texts ambiguous.
  case vocabulary(reason: String)
  /// A model that the files cannot describe.
  case configuration(reason: String)
  /// A tensor that is absent, not the model's, or has another shape or unusable values.
  case tensor(name: String, reason: String)
  /// A file that cannot be written.
  case unwritable(path: String, reason: String)
  /// A file that cannot be read, is truncated, or is not in the expected format.
  case unreadable(path: String, reason: String)
  /// An intact file that belongs to another run or another kind of program.
  case foreign(path: String, reason: String)

  /// The message shown to a person.
  public var description: String {
    switch self {
    case .vocabulary(let reason): "vocabulary: \(reason)"
    case .configuration(let reason): "configuration: \(reason)"
    case .tensor(let name, let reason): "tensor '\(name)': \(reason)"
    case .unwritable(let path, let reason): "cannot write \(path): \(reason)"
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .foreign(let path, let reason): "\(path) cannot be resumed from: \(reason)"
    }
  }
}
