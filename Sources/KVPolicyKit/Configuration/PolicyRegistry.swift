/// The policies that a configuration can name.
///
/// A value: extend a copy with your own policies, `registry.adding(MyPolicy.self)`.
public struct PolicyRegistry: Sendable {
  private var types: [String: any KVCachePolicy.Type] = [:]
  /// Registered names, in the order of registration.
  public private(set) var names: [String] = []

  /// A registry of these policies.
  public init(_ policies: [any KVCachePolicy.Type] = []) {
    for policy in policies { add(policy) }
  }

  /// Registers a policy under its own name, replacing an earlier policy of this name.
  public mutating func add(_ policy: any KVCachePolicy.Type) {
    if types.updateValue(policy, forKey: policy.name) == nil { names.append(policy.name) }
  }

  /// A copy that also knows `policy`.
  public func adding(_ policy: any KVCachePolicy.Type) -> PolicyRegistry {
    var copy = self
    copy.add(policy)
    return copy
  }

  /// The policy type of this name.
  public func type(named name: String) throws(PolicyError) -> any KVCachePolicy.Type {
    guard let type = types[name] else { throw .unknownPolicy(name, known: names) }
    return type
  }

  /// A policy of this name with these settings, for a cache shape and a model if they are known.
  public func make(
    _ name: String, _ values: [String: JSONValue] = [:], shape: CacheShape? = nil,
    model: ModelIdentity? = nil
  ) throws(PolicyError) -> any KVCachePolicy {
    try type(named: name).init(values, shape: shape, model: model)
  }

  /// The settings of a policy: names, values in use, defaults, legal values, meanings.
  public func settings(
    of name: String, _ values: [String: JSONValue] = [:]
  ) throws(PolicyError) -> [Settings.Entry] {
    let type = try type(named: name)
    var settings = Settings(policy: name, values: values)
    _ = try type.init(&settings)
    try settings.refuseUnknown()
    return settings.entries
  }
}
