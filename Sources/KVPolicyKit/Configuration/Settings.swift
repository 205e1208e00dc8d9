/// The settings of one policy while the policy reads them.
///
/// A policy asks for each setting once, with its default, legal values and meaning. These calls
/// yield the parsed value, the error messages, the printed defaults and the refusal of unknown
/// names, so a setting is written down in one place only.
public struct Settings: Sendable {
  /// One setting as the policy asked for it.
  public struct Entry: Sendable, Equatable {
    /// The setting's key.
    public let name: String
    /// The value in use.
    public let value: JSONValue
    /// The default, used when no value is given.
    public let standard: JSONValue
    /// The legal values, in words.
    public let legal: String
    /// What the setting does, in words.
    public let meaning: String
    /// The kind of artifact that the setting names; nil for a setting that names none.
    public let artifactKind: String?
  }

  /// The policy's name, for messages.
  public let policy: String
  /// The shape of the cache that the policy will serve; nil where only defaults are asked for.
  public let shape: CacheShape?
  /// The model that the policy will serve; nil where no model is known.
  public let model: ModelIdentity?
  /// The parts that the settings can name.
  public let parts: PartRegistry
  /// Where the artifacts come from that the settings name; nil if there is no source.
  let artifacts: (any ArtifactSource)?
  /// What the names of nested settings begin with in messages: `budget.`.
  let path: String
  private let values: [String: JSONValue]
  /// Defaults that a policy that wraps another one puts in the place of the other's.
  var standards: [String: JSONValue] = [:]
  /// The settings read so far, in order.
  public private(set) var entries: [Entry] = []

  /// Settings to be read from `values`.
  public init(
    policy: String, values: [String: JSONValue], shape: CacheShape? = nil,
    model: ModelIdentity? = nil, parts: PartRegistry = PartRegistry(),
    artifacts: (any ArtifactSource)? = nil
  ) {
    self.policy = policy
    self.shape = shape
    self.model = model
    self.parts = parts
    self.artifacts = artifacts
    self.values = values
    path = ""
  }

  /// The settings `values` inside the setting `name` of `outer`.
  init(_ values: [String: JSONValue], inside name: String, of outer: Settings) {
    policy = outer.policy
    shape = outer.shape
    model = outer.model
    parts = outer.parts
    artifacts = outer.artifacts
    path = outer.path + name + "."
    self.values = values
  }

  /// An integer of at least `minimum` and at most `largest`.
  public mutating func integer(
    _ name: String, default standard: Int, atLeast minimum: Int, atMost largest: Int = 1 << 30,
    _ meaning: String
  ) throws(PolicyError) -> Int {
    let legal = "a whole number from \(minimum) to \(largest)"
    let value = try record(name, .integer(standard), legal, meaning)
    guard let whole = value.wholeNumber, whole >= minimum, whole <= largest else {
      throw bad(name, value, legal)
    }
    return whole
  }

  /// The default of a number of rows.
  public enum RowsDefault: Sendable {
    /// This many rows.
    case rows(Int)
    /// This share of a whole.
    case share(Double)
  }

  /// A number of rows, given directly or, under `shareName`, as a share of `whole`. Giving both is
  /// an error; `null` counts as not given.
  ///
  /// A share is rounded down, but never below `minimum` or above 2³⁰.
  public mutating func rows(
    _ name: String, share shareName: String, of whole: Int, default standard: RowsDefault,
    atLeast minimum: Int, _ meaning: String
  ) throws(PolicyError) -> Int {
    let isGiven = [isGiven(name), isGiven(shareName)]
    if isGiven[0] && isGiven[1] {
      throw impossible(
        "'\(name)' and '\(shareName)' are two ways to say the same; give one of them")
    }
    var (rows, share) = (JSONValue.null, JSONValue.null)
    switch standard {
    case .rows(let count): rows = .integer(count)
    case .share(let part): share = .number(part)
    }
    let (legal, legalShare) = (
      "a whole number from \(minimum) to \(1 << 30), or null", "a number from 0 to 64, or null"
    )
    let given = try record(name, rows, legal, meaning)
    let givenShare = try record(
      shareName, share, legalShare, "the same as a share of the capacity, rounded down")
    if isGiven[0] || (given != .null && !isGiven[1]) {
      guard let whole = given.wholeNumber, whole >= minimum, whole <= 1 << 30 else {
        throw bad(name, given, legal)
      }
      return whole
    }
    guard let part = givenShare.realNumber, (0...64).contains(part) else {
      throw bad(shareName, givenShare, legalShare)
    }
    return max(minimum, Int(min(max(0, part * Double(whole)), 0x1p30)))
  }

  /// A number in `range`.
  public mutating func number(
    _ name: String, default standard: Double, in range: ClosedRange<Double>, _ meaning: String
  ) throws(PolicyError) -> Double {
    let legal = "a number from \(range.lowerBound) to \(range.upperBound)"
    let value = try record(name, .number(standard), legal, meaning)
    guard let number = value.realNumber, range.contains(number) else {
      throw bad(name, value, legal)
    }
    return number
  }

  /// A number in `range`, or nil for `null`.
  public mutating func optionalNumber(
    _ name: String, default standard: Double? = nil, in range: ClosedRange<Double>,
    _ meaning: String
  ) throws(PolicyError) -> Double? {
    let legal = "a number from \(range.lowerBound) to \(range.upperBound), or null"
    let value = try record(name, standard.map { .number($0) } ?? .null, legal, meaning)
    guard value != .null else { return nil }
    guard let number = value.realNumber, range.contains(number) else {
      throw bad(name, value, legal)
    }
    return number
  }

  /// An integer of at least `minimum` and at most `largest`, or nil for `null`, the default.
  public mutating func optionalInteger(
    _ name: String, atLeast minimum: Int, atMost largest: Int = 1 << 30, _ meaning: String
  ) throws(PolicyError) -> Int? {
    let legal = "a whole number from \(minimum) to \(largest), or null"
    let value = try record(name, .null, legal, meaning)
    guard value != .null else { return nil }
    guard let whole = value.wholeNumber, whole >= minimum, whole <= largest else {
      throw bad(name, value, legal)
    }
    return whole
  }

  /// A number in `range`, or a word that stands for no number: nil.
  public mutating func number(
    _ name: String, default standard: Double?, in range: ClosedRange<Double>, or word: String,
    _ meaning: String
  ) throws(PolicyError) -> Double? {
    let legal = "a number from \(range.lowerBound) to \(range.upperBound), or \"\(word)\""
    let value = try record(name, standard.map { .number($0) } ?? .string(word), legal, meaning)
    if value == .string(word) { return nil }
    guard let number = value.realNumber, range.contains(number) else {
      throw bad(name, value, legal)
    }
    return number
  }

  /// One of the names of `Choice`.
  public mutating func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, default standard: Choice, _ meaning: String
  ) throws(PolicyError) -> Choice where Choice.RawValue == String {
    let legal = "one of " + Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
    let value = try record(name, .string(standard.rawValue), legal, meaning)
    guard case .string(let text) = value, let choice = Choice(rawValue: text) else {
      throw bad(name, value, legal)
    }
    return choice
  }

  /// `true` or `false`.
  public mutating func flag(
    _ name: String, default standard: Bool, _ meaning: String
  ) throws(PolicyError) -> Bool {
    let value = try record(name, .bool(standard), "true or false", meaning)
    guard case .bool(let flag) = value else { throw bad(name, value, "true or false") }
    return flag
  }

  /// An error for settings that do not fit each other.
  public func impossible(_ reason: String) -> PolicyError {
    .impossible(policy: policy, reason: reason)
  }

  /// Whether a value other than `null` was given for a setting.
  func isGiven(_ name: String) -> Bool { (values[name] ?? .null) != .null }

  /// Throws if any of these settings was given.
  public func refuse(
    _ names: [String], because reason: (String) -> String
  ) throws(PolicyError) {
    if let given = names.first(where: isGiven) { throw impossible(reason(given)) }
  }

  /// Throws if any of these settings was read and is not at its default.
  public func refuseChanges(
    _ names: [String], because reason: (String) -> String
  ) throws(PolicyError) {
    let names = names.map { path + $0 }
    if let entry = entries.first(where: { names.contains($0.name) && $0.value != $0.standard }) {
      throw impossible(reason(entry.name))
    }
  }

  /// Throws if a value was given for a setting that the policy never asked for.
  public func refuseUnknown() throws(PolicyError) {
    let known = entries.map(\.name)
    let given = values.keys.sorted()
    if let dotted = given.first(where: { $0.contains(".") && known.contains(path + $0) }) {
      throw impossible(
        "'\(path + dotted)' names a setting inside another; write the outer setting as an object")
    }
    if let stranger = given.first(where: { !known.contains(path + $0) }) {
      throw .unknownSetting(path + stranger, policy: policy, known: known)
    }
  }

  /// Reads the settings inside the object `value` of the setting `name`, and refuses unknown ones.
  mutating func nested<Result>(
    _ name: String, _ values: [String: JSONValue],
    _ body: (inout Settings) throws(PolicyError) -> Result
  ) throws(PolicyError) -> Result {
    var inner = Settings(values, inside: name, of: self)
    let result = try body(&inner)
    try inner.refuseUnknown()
    entries += inner.entries
    return result
  }

  /// Notes a setting with its default, and returns the value in use.
  mutating func record(
    _ name: String, _ standard: JSONValue, _ legal: String, _ meaning: String,
    artifact kind: String? = nil
  ) throws(PolicyError) -> JSONValue {
    guard !["policy", "layers"].contains(name) else {
      throw impossible(
        "a setting cannot be called '\(name)': configurations use that name themselves")
    }
    let standard = standards[path + name] ?? standard
    let value = values[name] ?? standard
    entries.append(
      Entry(
        name: path + name, value: value, standard: standard, legal: legal, meaning: meaning,
        artifactKind: kind))
    return value
  }

  func bad(_ name: String, _ value: JSONValue, _ legal: String) -> PolicyError {
    .badValue(setting: path + name, policy: policy, got: "\(value.excerpt)", legal: legal)
  }
}
