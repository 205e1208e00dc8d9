/// The policies that a configuration can name.
///
/// A value: extend a copy with your own policies, `registry.adding(MyPolicy.self)`.
public struct PolicyRegistry: Sendable {
  private var types: [String: any KVCachePolicy.Type] = [:]
  /// Registered names, in the order of registration.
  public private(set) var names: [String] = []
  /// The parts that the settings of these policies can name.
  public var parts: PartRegistry
  /// Where the artifacts come from that configurations name. Nil: a policy that needs one cannot be
  /// made.
  public var artifacts: (any ArtifactSource)?

  /// The parts, and the policies that a policy can wrap.
  private var allParts: PartRegistry {
    var all = parts
    all.policies = names.compactMap { types[$0] }
    return all
  }

  /// A registry of these policies and parts.
  public init(_ policies: [any KVCachePolicy.Type] = [], parts: PartRegistry = PartRegistry()) {
    self.parts = parts
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

  /// A copy that also knows `score`: as a part of compositions, and as a policy of its own name.
  public func adding<Score: RowScore>(score: Score.Type) -> PolicyRegistry {
    var copy = adding(ScoredPolicy<Score>.self)
    copy.parts = parts.adding(score: score)
    return copy
  }

  /// A copy that also knows `reader`: as a reader for any policy, and as a policy of its own name.
  public func adding<Reader: RowReader>(reader: Reader.Type) -> PolicyRegistry {
    var copy = adding(ReaderPolicy<Reader>.self)
    copy.parts = parts.adding(reader: reader)
    return copy
  }

  /// A copy that also knows `codec`: as a codec for any policy, and as a policy of its own name.
  public func adding<Codec: RowCodec>(codec: Codec.Type) -> PolicyRegistry {
    var copy = adding(CodecPolicy<Codec>.self)
    copy.parts = parts.adding(codec: codec)
    return copy
  }

  /// The policy type of this name.
  public func type(named name: String) throws(PolicyError) -> any KVCachePolicy.Type {
    guard let type = types[name] else { throw .unknownPolicy(name, known: names) }
    return type
  }

  /// A policy of this name with these settings, for a cache shape and a model if they are known.
  ///
  /// The settings that every policy has are not the policy's, and refused; see ``sharedSettings``.
  ///
  /// - Throws: `PolicyError`, among others for a policy that needs an artifact where no shape is
  ///   given: the artifact must fit it.
  public func make(
    _ name: String, _ values: [String: JSONValue] = [:], shape: CacheShape? = nil,
    model: ModelIdentity? = nil
  ) throws(PolicyError) -> any KVCachePolicy {
    try type(named: name).init(
      values, shape: shape, model: model, parts: allParts, artifacts: artifacts)
  }

  /// The policy of a choice, what decode steps read of its layers, which of their rows are codes,
  /// and how prompts are read.
  func make(
    _ choice: PolicyConfiguration.Choice, shape: CacheShape, model: ModelIdentity?
  ) throws(PolicyError) -> (
    policy: any KVCachePolicy, reader: (any RowReader)?, codec: (any RowCodec)?,
    reading: PromptReading
  ) {
    let type = try type(named: choice.policy)
    var settings = Settings(
      policy: choice.policy, values: choice.settings, shape: shape, model: model, parts: allParts,
      artifacts: artifacts)
    let policy = try type.init(&settings)
    let reader = type is any ReadingPolicy.Type ? nil : try settings.reader()
    let codec = type is any CodingPolicy.Type ? nil : try settings.codec()
    let reading = try settings.promptReading()
    try settings.refuseUnknown()
    return (policy, reader, codec, reading)
  }

  /// The policy's own settings: names, values in use, defaults, legal values, meanings.
  ///
  /// The values may also hold the settings that every policy has, ``sharedSettings``.
  public func settings(
    of name: String, _ values: [String: JSONValue] = [:]
  ) throws(PolicyError) -> [Settings.Entry] {
    try described(name, values).settings
  }

  /// A policy of this name, and its settings as ``settings(of:_:)`` gives them.
  package func described(
    _ name: String, _ values: [String: JSONValue] = [:]
  ) throws(PolicyError) -> (policy: any KVCachePolicy, settings: [Settings.Entry]) {
    let type = try type(named: name)
    var settings = Settings(policy: name, values: values, parts: allParts)
    let policy = try type.init(&settings)
    let own = settings.entries
    if !(type is any ReadingPolicy.Type) { _ = try settings.reader() }
    if !(type is any CodingPolicy.Type) { _ = try settings.codec() }
    _ = try settings.promptReading()
    try settings.refuseUnknown()
    return (policy, own)
  }

  /// The settings that every policy has beside its own: what decode steps read, which rows are
  /// stored as codes, and how prompts are read. A policy that reads by itself has no setting
  /// `read`, and a policy that codes by itself neither `codec` nor `keys`.
  public var sharedSettings: [Settings.Entry] {
    var settings = Settings(policy: "", values: [:], parts: parts)
    // Nothing is given, so nothing can be refused.
    _ = try? settings.reader()
    _ = try? settings.codec()
    return settings.entries + PromptReading.settings
  }

  /// The settings of a part: names, defaults, legal values, meanings.
  public func settings(of part: any PolicyPart.Type) throws(PolicyError) -> [Settings.Entry] {
    var settings = Settings(policy: part.name, values: [:], parts: parts)
    _ = try part.init(&settings)
    return settings.entries
  }
}
