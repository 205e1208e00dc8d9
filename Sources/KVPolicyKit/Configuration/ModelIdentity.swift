/// Which model a policy serves, so that what was learned on one is not used on another.
public struct ModelIdentity: Hashable, Sendable {
  /// The model's name, for people.
  public var name: String
  /// SHA-256, in hexadecimal digits, of what stays the same however the model's matrices are
  /// stored.
  public var digest: String

  /// Names a model.
  public init(name: String, digest: String) {
    self.name = name
    self.digest = digest
  }
}
