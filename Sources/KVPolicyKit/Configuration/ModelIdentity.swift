/// The model that a policy serves, so that data learned on one model is not used with another.
public struct ModelIdentity: Hashable, Sendable {
  /// The model's name, for people.
  public var name: String
  /// SHA-256, in hexadecimal digits, of the parts of the model that do not depend on how its
  /// matrices are stored.
  public var digest: String

  /// Names a model.
  public init(name: String, digest: String) {
    self.name = name
    self.digest = digest
  }
}
