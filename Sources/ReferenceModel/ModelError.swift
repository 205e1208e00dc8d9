/// An error in a model, in its files, or in a request to it.
///
/// Each message says what is wrong, what is allowed, and what to do.
public enum ModelError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A file cannot be read or mapped.
  case unreadable(path: String, reason: String)
  /// A file contradicts its format: it is truncated, or a size or offset points past its end.
  case malformed(file: String, reason: String)
  /// The file is valid, but describes a model that this engine does not run.
  case unsupported(what: String, supported: String)
  /// A tensor that the architecture needs is missing, or its shape or contents are unusable.
  case tensor(name: String, reason: String)
  /// The tokenizer is missing or unusable.
  case tokenizer(reason: String)
  /// The request cannot be carried out: an empty prompt, a token outside the vocabulary, a bad
  /// setting.
  case request(String)

  /// The message shown to a person.
  public var description: String {
    switch self {
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .malformed(let file, let reason): "\(file) is malformed: \(reason)"
    case .unsupported(let what, let supported): "\(what) is not supported; supported: \(supported)"
    case .tensor(let name, let reason): "tensor '\(name)': \(reason)"
    case .tokenizer(let reason): "tokenizer: \(reason)"
    case .request(let reason): reason
    }
  }
}
