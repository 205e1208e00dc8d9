public import KVPolicyKit

/// Why a session could not read tokens.
public enum SessionError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The request is impossible, or the model's logits are not finite.
  case model(ModelError)
  /// The cache has no room, or a policy's plan was bad.
  case store(StoreError)

  /// The message shown to a person.
  public var description: String {
    switch self {
    case .model(let error): "\(error)"
    case .store(let error): "\(error)"
    }
  }
}
