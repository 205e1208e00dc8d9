/// The settings of one policy while it reads them.
///
/// A policy asks for each setting once, with its default, what is legal, and what it means. From those
/// calls come the parsed value, the error messages, the printed defaults and the refusal of unknown
/// names, so a setting is written down in one place only.
public struct Settings: Sendable {
  /// One setting as it was asked for.
  public struct Entry: Sendable, Equatable {
    /// Its key.
    public let name: String
    /// The value in use.
    public let value: JSONValue
    /// The value when nothing is given.
    public let standard: JSONValue
    /// What may stand there, in words.
    public let legal: String
    /// What it does, in words.
    public let meaning: String
  }

  /// The policy's name, for messages.
  public let policy: String
  private let values: [String: JSONValue]
  /// What was read so far, in order.
  public private(set) var entries: [Entry] = []

  /// Settings to be read from `values`.
  public init(policy: String, values: [String: JSONValue]) {
    self.policy = policy
    self.values = values
  }

  /// A whole number of at least `minimum`.
  public mutating func integer(
    _ name: String, default standard: Int, atLeast minimum: Int, _ meaning: String
  ) throws(PolicyError) -> Int {
    let largest = 1 << 30
    let legal = "a whole number from \(minimum) to \(largest)"
    let value = record(name, .number(Double(standard)), legal, meaning)
    guard case .number(let number) = value, let whole = Int(exactly: number),
      whole >= minimum, whole <= largest
    else { throw bad(name, value, legal) }
    return whole
  }

  /// A number in `range`.
  public mutating func number(
    _ name: String, default standard: Double, in range: ClosedRange<Double>, _ meaning: String
  ) throws(PolicyError) -> Double {
    let legal = "a number from \(range.lowerBound) to \(range.upperBound)"
    let value = record(name, .number(standard), legal, meaning)
    guard case .number(let number) = value, range.contains(number) else {
      throw bad(name, value, legal)
    }
    return number
  }

  /// One of the names of `Choice`.
  public mutating func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, default standard: Choice, _ meaning: String
  ) throws(PolicyError) -> Choice where Choice.RawValue == String {
    let legal = "one of " + Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
    let value = record(name, .string(standard.rawValue), legal, meaning)
    guard case .string(let text) = value, let choice = Choice(rawValue: text) else {
      throw bad(name, value, legal)
    }
    return choice
  }

  /// `true` or `false`.
  public mutating func flag(
    _ name: String, default standard: Bool, _ meaning: String
  ) throws(PolicyError) -> Bool {
    let value = record(name, .bool(standard), "true or false", meaning)
    guard case .bool(let flag) = value else { throw bad(name, value, "true or false") }
    return flag
  }

  /// A refusal of settings that do not fit each other.
  public func impossible(_ reason: String) -> PolicyError {
    .impossible(policy: policy, reason: reason)
  }

  /// Throws if a value was given that nothing asked for.
  public func refuseUnknown() throws(PolicyError) {
    let known = entries.map(\.name)
    if let stranger = values.keys.sorted().first(where: { !known.contains($0) }) {
      throw .unknownSetting(stranger, policy: policy, known: known)
    }
  }

  private mutating func record(
    _ name: String, _ standard: JSONValue, _ legal: String, _ meaning: String
  ) -> JSONValue {
    let value = values[name] ?? standard
    entries.append(
      Entry(name: name, value: value, standard: standard, legal: legal, meaning: meaning))
    return value
  }

  private func bad(_ name: String, _ value: JSONValue, _ legal: String) -> PolicyError {
    .badValue(setting: name, policy: policy, got: value.text, legal: legal)
  }
}
