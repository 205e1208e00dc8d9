/// A policy as written in a file: its name, its settings, and overrides for some layers.
///
/// ```json
/// {"policy": "snapkv", "capacity": 256, "layers": {"0-1": {"policy": "full"}, "7": {"capacity": 64}}}
/// ```
///
/// An override that names no policy changes settings of the main policy.
public struct PolicyConfiguration: Hashable, Sendable {
  /// A policy's name and settings.
  public struct Choice: Hashable, Sendable {
    /// The policy's registered name.
    public var policy: String
    /// The settings that differ from the defaults.
    public var settings: [String: JSONValue]
  }

  /// The choice for layers without an override.
  public var main: Choice
  /// Overrides by layer range, sorted and disjoint.
  public var overrides: [(layers: ClosedRange<Int>, choice: Choice)] = []

  /// The policy `name` with these settings in every layer.
  public init(_ name: String, _ settings: [String: JSONValue] = [:]) {
    main = Choice(policy: name, settings: settings)
  }

  /// Reads a configuration from JSON text.
  ///
  /// - Throws: `PolicyError.notAConfiguration`, with line and column where the text is not JSON.
  public init(parsing text: String) throws(PolicyError) {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(text)
    } catch {
      throw .notAConfiguration("it is not valid JSON: \(error)")
    }
    try self.init(value)
  }

  /// Reads a configuration from a JSON object.
  public init(_ value: JSONValue) throws(PolicyError) {
    guard case .object(var settings) = value else {
      throw .notAConfiguration("it is \(value.excerpt), not an object")
    }
    guard case .string(let name)? = settings.removeValue(forKey: "policy") else {
      throw .notAConfiguration("it has no \"policy\" with the name of one")
    }
    let layers = settings.removeValue(forKey: "layers")
    self.init(name, settings)
    guard let layers else { return }
    guard case .object(let ranges) = layers else {
      throw .badValue(
        setting: "layers", policy: name, got: layers.text,
        legal: #"an object from layers ("3" or "0-1") to settings"#)
    }
    for (key, value) in ranges { try addOverride(key, value) }
    overrides.sort { $0.layers.lowerBound < $1.layers.lowerBound }
    for (one, next) in zip(overrides, overrides.dropFirst())
    where one.layers.upperBound >= next.layers.lowerBound {
      throw .impossible(
        policy: name, reason: "two of its \"layers\" overrides name layer \(next.layers.lowerBound)"
      )
    }
  }

  private mutating func addOverride(_ key: String, _ value: JSONValue) throws(PolicyError) {
    let ends = key.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard case .object(var settings) = value, ends.count <= 2, let first = ends.first ?? nil,
      let last = ends.last ?? nil, first >= 0, first <= last
    else {
      throw .badValue(
        setting: "layers", policy: main.policy, got: "{\"\(key)\": \(value.text)}",
        legal: #"an object from layers ("3" or "0-1") to settings"#)
    }
    var choice = main
    if let named = settings.removeValue(forKey: "policy") {
      guard case .string(let name) = named else {
        throw .badValue(
          setting: "policy", policy: main.policy, got: named.text, legal: "a policy's name")
      }
      if name != main.policy { choice = Choice(policy: name, settings: [:]) }
    }
    choice.settings.merge(settings) { $1 }
    overrides.append((first...last, choice))
  }

  /// Makes the policies and assigns the layers to them.
  ///
  /// - Parameters:
  ///   - registry: the policies that the configuration can name.
  ///   - shape: the shape of the cache.
  ///   - model: the model, if it is known.
  ///   - store: how the cache will hold rows, so that budgets in bytes that are too small are
  ///     refused now. Without it, such a policy keeps one row beside its protected rows.
  /// - Throws: `PolicyError` for a setting that is unknown or impossible, a layer the model lacks, a
  ///   shape that no cache can have, or a budget in bytes that is too small.
  public func makePolicies(
    _ registry: PolicyRegistry, shape: CacheShape, model: ModelIdentity? = nil,
    store: StoreConfiguration? = nil
  ) throws(PolicyError) -> PolicyAssignment {
    try PolicyAssignment.check(shape, for: main.policy)
    let first = try registry.make(main, shape: shape, model: model)
    var (policies, readers, readings) = ([first.policy], [first.reader], [first.reading])
    var codecs = [first.codec]
    var owner = Array(repeating: 0, count: shape.layers)
    for (layers, choice) in overrides {
      guard layers.lowerBound >= 0, layers.upperBound < shape.layers else {
        let stranger = layers.lowerBound < 0 ? layers.lowerBound : layers.upperBound
        throw .impossible(
          policy: main.policy,
          reason: "its \"layers\" name layer \(stranger); the model has layers "
            + "0 to \(shape.layers - 1)")
      }
      for layer in layers { owner[layer] = policies.count }
      let other = try registry.make(choice, shape: shape, model: model)
      policies.append(other.policy)
      readers.append(other.reader)
      codecs.append(other.codec)
      readings.append(other.reading)
    }
    let assignment = try PolicyAssignment(
      policies, readers: readers, codecs: codecs, owner: owner, shape: shape, readings: readings)
    if let store { try assignment.checkBudgets(in: store, shape: shape) }
    return assignment
  }

  /// Compares the parts.
  public static func == (a: Self, b: Self) -> Bool {
    a.main == b.main && a.overrides.map(\.layers) == b.overrides.map(\.layers)
      && a.overrides.map(\.choice) == b.overrides.map(\.choice)
  }

  /// Hashes the parts.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(main)
    hasher.combine(overrides.map(\.choice))
  }
}

/// The policies of one sequence and the layers that each policy decides about.
public struct PolicyAssignment: Sendable {
  /// The policies; the first is the main one.
  public internal(set) var policies: [any KVCachePolicy]
  /// For each policy, what decode steps read of its layers; nil for everything.
  public internal(set) var readers: [(any RowReader)?]
  /// For each policy, its memory of what it forgets; nil for none.
  var residuals: [(any ResidualMemory)?]
  /// How past tokens are corrected; nil if they are not.
  let revision: Revision?
  /// For each policy, which rows of its layers are stored as codes; nil for none.
  public internal(set) var codecs: [(any RowCodec)?]
  /// For each layer, the index of its policy.
  public let owner: [Int]
  /// For each policy, when it is asked, in chunks of the length that its reading says.
  let cadences: [Cadence]
  /// How the last token of a prompt is read.
  let lastPromptToken: PromptReading.LastToken

  /// One policy for every layer.
  ///
  /// - Parameters:
  ///   - policy: the policy.
  ///   - reader: what decode steps read of the rows that the policy keeps; nil for everything, or
  ///     for the reader of a ``ReadingPolicy``.
  ///   - codec: which of these rows are stored as codes; nil for none, or for the codec of a
  ///     ``CodingPolicy``.
  ///   - shape: the shape of the cache.
  ///   - reading: how prompts are read.
  /// - Throws: `PolicyError.impossible` for declarations that no engine can carry out, and for a
  ///   shape that no cache can have.
  public init(
    _ policy: any KVCachePolicy, reader: (any RowReader)? = nil, codec: (any RowCodec)? = nil,
    shape: CacheShape, reading: PromptReading = PromptReading()
  ) throws(PolicyError) {
    try PolicyAssignment.check(shape, for: type(of: policy).name)
    try self.init(
      [policy], readers: [reader], codecs: [codec],
      owner: Array(repeating: 0, count: shape.layers), shape: shape,
      readings: [reading])
  }

  /// - Throws: `PolicyError.impossible` for a combination that the engine cannot carry out.
  init(
    _ policies: [any KVCachePolicy], readers: [(any RowReader)?], codecs: [(any RowCodec)?],
    owner: [Int], shape: CacheShape, readings: [PromptReading]
  ) throws(PolicyError) {
    cadences = zip(policies, readings).map { policy, reading in
      var cadence = policy.cadence
      cadence.chunk = reading.chunk ?? cadence.chunk
      return cadence
    }
    for (policy, cadence) in zip(policies, cadences) {
      try PolicyAssignment.checkNumbers(policy, cadence, shape)
    }
    for policy in policies where policy.phase != .afterOutput {
      let name = type(of: policy).name
      if policy.scope == .sequence {
        throw .impossible(
          policy: name,
          reason: "it decides before a layer's output but about the whole sequence, whose later "
            + "layers are not known then; declare scope .layer or phase .afterOutput")
      }
      if policy.positions != .original {
        throw .impossible(
          policy: name,
          reason: "deciding before the output needs original positions, for moving the survivors "
            + "would change the weights they were chosen by")
      }
    }
    self.readers = try zip(policies, readers).map { policy, reader throws(PolicyError) in
      try PolicyAssignment.reader(of: policy, or: reader, shape)
    }
    residuals = try policies.map { policy throws(PolicyError) in
      try PolicyAssignment.residual(of: policy)
    }
    let codecs = try zip(policies, codecs).map { policy, codec throws(PolicyError) in
      try PolicyAssignment.codec(of: policy, or: codec, shape)
    }
    revision = try PolicyAssignment.revision(of: policies, codecs: codecs, owner: owner)
    self.codecs = codecs
    try PolicyAssignment.checkChunks(policies, cadences)
    try PolicyAssignment.checkProbes(policies)
    lastPromptToken = try PromptReading.lastToken(readings, of: type(of: policies[0]).name)
    self.policies = policies
    self.owner = owner
  }

  /// Refuses budgets in bytes that are too small for a cache.
  func checkBudgets(
    in store: StoreConfiguration, shape: CacheShape
  ) throws(PolicyError) {
    for index in policies.indices {
      guard let policy = policies[index] as? any ComposedPolicy else { continue }
      // A store that cannot hold such rows says so itself.
      guard let row = try? RowCost(shape: shape, store: store) else { return }
      let cost = row.with(readers[index], codecs[index], store.format)
      try policy.composition.check(cost, of: type(of: policy).name)
    }
  }

  /// Refuses a shape that no cache can have, before anything depends on its numbers.
  static func check(_ shape: CacheShape, for policy: String) throws(PolicyError) {
    if let problem = shape.problem { throw .impossible(policy: policy, reason: problem) }
  }

  /// Refuses declared numbers out of range. They are checked here and not where they are written,
  /// because they may be changed afterwards, and settings or a model's sizes may go into them.
  private static func checkNumbers(
    _ policy: any KVCachePolicy, _ cadence: Cadence, _ shape: CacheShape
  ) throws(PolicyError) {
    let protection = policy.protection
    var numbers = [
      ("cadence.every", cadence.every, 0), ("cadence.slack", cadence.slack, 0),
      ("cadence.chunk", cadence.chunk ?? 1, 1), ("protection.sinks", protection.sinks, 0),
      ("protection.recent", protection.recent, 0),
    ]
    if case .everyTotal(let count, let offset) = cadence.steps {
      numbers += [("cadence.everyTotal", count, 1), ("cadence.offset", offset, 0)]
    }
    for signal in policy.signals {
      if case .promptRows(let count) = signal { numbers.append(("promptRows", count, 0)) }
      if case .recentRows(let count) = signal { numbers.append(("recentRows", count, 0)) }
      if case .layerInput(let width?) = signal { numbers.append(("layerInput", width, 1)) }
    }
    for column in policy.columns(for: shape) {
      numbers.append(("the width of column '\(column.name)'", column.width, 1))
    }
    for (name, number, least) in numbers where number < least {
      throw .impossible(
        policy: type(of: policy).name,
        reason: "it declares \(number) for \(name); declare \(least) or more")
    }
  }

  /// Refuses two different chunk lengths: a prompt is cut once for the whole sequence, and the
  /// decisions of a policy that evicts after every chunk depend on where it is cut.
  private static func checkChunks(
    _ policies: [any KVCachePolicy], _ cadences: [Cadence]
  ) throws(PolicyError) {
    let everyChunk = zip(policies, cadences).compactMap { policy, cadence in
      cadence.prompt == .everyChunk ? cadence.chunk.map { (type(of: policy).name, $0) } : nil
    }
    guard let (name, chunk) = everyChunk.first else { return }
    for (other, length) in everyChunk where length != chunk {
      throw .impossible(
        policy: other,
        reason: "it evicts after chunks of \(length) tokens and another layer's policy, \(name), "
          + "after chunks of \(chunk); give both the same 'chunk'")
    }
  }
}
