import KVPolicyKit
import Testing

/// A policy that a user of the package might write, with one setting of each kind.
private struct Custom: KVCachePolicy {
  enum Mode: String, CaseIterable { case fast, careful }

  static let name = "custom"
  static let summary = "a user's policy"
  static let source = "a test"

  let capacity: Int
  let share: Double
  let mode: Mode
  let strict: Bool

  init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer("capacity", default: 16, atLeast: 2, "rows kept")
    share = try settings.number("share", default: 0.25, in: 0...1, "of them old ones")
    mode = try settings.choice("mode", default: .fast, "how")
    strict = try settings.flag("strict", default: false, "whether to be strict")
    guard !strict || capacity > 4 else { throw settings.impossible("strict needs more than 4") }
  }

  static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = try budget.rows
    return ["capacity": .number(Double(rows))]
  }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

/// Declares what no engine can carry out.
private struct Contradictory: KVCachePolicy {
  static let name = "contradictory"
  static let summary = "cannot be carried out"
  static let source = "a test"
  let positions: PositionRule
  let scope: Scope

  init(_ settings: inout Settings) throws(PolicyError) {
    positions = try settings.choice("positions", default: .original, "where")
    scope = try settings.flag("sequence", default: false, "whether") ? .sequence : .layer
  }

  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  var phase: Phase { .beforeOutput }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

private let registry = PolicyRegistry([Painter.self, Contradictory.self]).adding(Custom.self)
private let shape = CacheShape(layers: 4, keyHeads: 1, queryHeads: 2, headDimension: 2)

private func assign(_ text: String) throws(PolicyError) -> PolicyAssignment {
  try PolicyConfiguration(parsing: text).makePolicies(registry, shape: shape)
}

/// The message of the error that a configuration causes, or nil if it causes none.
private func complaint(_ text: String) -> String? {
  do throws(PolicyError) {
    _ = try assign(text)
    return nil
  } catch { return error.description }
}

/// Has a setting of a name that configurations use themselves.
private struct Presumptuous: KVCachePolicy {
  static let name = "presumptuous"
  static let summary = "takes a name that is taken"
  static let source = "a test"

  /// The name; tasks run their own.
  @TaskLocal static var setting = "policy"

  init(_ settings: inout Settings) throws(PolicyError) {
    switch Self.setting {
    case "policy": _ = try settings.integer("policy", default: 1, atLeast: 0, "a number")
    case "layers": _ = try settings.flag("layers", default: true, "whether")
    default:
      _ = try settings.rows(
        "rows", share: "policy", of: 8, default: .rows(4), atLeast: 1, "how many")
    }
  }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

@Suite("A configuration") struct ConfigurationTests {
  @Test(
    "has two names of its own: a policy with a setting of such a name is refused",
    arguments: ["policy", "layers", "share"])
  func takenNames(setting: String) {
    let registry = PolicyRegistry([Presumptuous.self])
    let taken = setting == "share" ? "policy" : setting
    let refusal = PolicyError.impossible(
      policy: "presumptuous",
      reason:
        "a setting cannot be called '\(taken)': configurations use that name themselves")
    Presumptuous.$setting.withValue(setting) {
      #expect(throws: refusal) { try registry.make("presumptuous") }
      #expect(throws: refusal) { try registry.settings(of: "presumptuous") }
      #expect(throws: refusal) {
        try PolicyConfiguration(parsing: #"{"policy": "presumptuous"}"#)
          .makePolicies(registry, shape: shape)
      }
    }
  }

  @Test("takes the defaults for what it does not say")
  func defaults() throws {
    let policy = try #require(try assign(#"{"policy": "custom"}"#).policies.first as? Custom)
    #expect(policy.capacity == 16 && policy.share == 0.25)
    #expect(policy.mode == .fast && policy.strict == false)
  }

  @Test("gives the same policy as the settings written in Swift")
  func sameAsSwift() throws {
    let text =
      #"{"policy": "custom", "capacity": 9, "share": 1, "mode": "careful", "strict": true}"#
    let parsed = try #require(try assign(text).policies.first as? Custom)
    let built = try Custom(["capacity": 9, "share": 1.0, "mode": "careful", "strict": true])
    #expect(parsed.capacity == built.capacity && parsed.share == built.share)
    #expect(parsed.mode == built.mode && parsed.strict == built.strict)
    let configuration = try PolicyConfiguration(parsing: text)
    #expect(
      configuration
        == PolicyConfiguration(
          "custom", ["capacity": 9, "share": 1, "mode": "careful", "strict": true]))
  }

  @Test(
    "that is wrong is refused, and the message says what is legal",
    arguments: [
      (#"{"policy": "custom", "capcity": 9}"#, "did you mean 'capacity'?"),
      (#"{"policy": "custom", "capcity": 9}"#, "it has capacity, share, mode, strict"),
      (#"{"policy": "custom", "zzzzzzzzz": 9}"#, "no setting 'zzzzzzzzz'; it has"),
      (#"{"policy": "costum"}"#, "did you mean 'custom'?"),
      (#"{"policy": "nothing-like-it"}"#, "there are painter, contradictory, custom"),
      (#"{"policy": "painter", "x": 1}"#, "it has read, codec, keys, chunk, lastPromptToken"),
      (#"{"policy": "custom", "capacity": "9"}"#, #"cannot be "9"; it must be a whole number"#),
      (#"{"policy": "custom", "capacity": true}"#, "cannot be true"),
      (#"{"policy": "custom", "capacity": 9.5}"#, "cannot be 9.5"),
      (#"{"policy": "custom", "capacity": null}"#, "cannot be null"),
      (#"{"policy": "custom", "capacity": [9]}"#, "cannot be [9]"),
      (#"{"policy": "custom", "capacity": 1}"#, "from 2 to"),
      (#"{"policy": "custom", "capacity": -3}"#, "cannot be -3"),
      (#"{"policy": "custom", "capacity": 1e300}"#, "a whole number"),
      (#"{"policy": "custom", "capacity": 4294967296}"#, "cannot be 4294967296"),
      (#"{"policy": "custom", "share": 1.01}"#, "a number from 0.0 to 1.0"),
      (#"{"policy": "custom", "share": "0.5"}"#, "a number from 0.0 to 1.0"),
      (#"{"policy": "custom", "mode": "slow"}"#, #"one of "fast", "careful""#),
      (#"{"policy": "custom", "mode": 0}"#, #"one of "fast", "careful""#),
      (#"{"policy": "custom", "strict": 1}"#, "true or false"),
      (#"{"policy": "custom", "strict": "true"}"#, "true or false"),
      (#"{"policy": "custom", "strict": true, "capacity": 4}"#, "strict needs more than 4"),
      (#"{"policy": 3}"#, #"it has no "policy""#),
      (#"{}"#, #"it has no "policy""#),
      (#"[]"#, "not an object"),
      (#""custom""#, "not an object"),
      (#"17"#, "not an object"),
      (#"null"#, "not an object"),
      (#""#, "not a policy configuration"),
      (#"{"policy": "custom""#, "not a policy configuration"),
      (#"{"policy": "custom",, }"#, "not a policy configuration"),
      (#"{"policy": "custom", "capacity": 1e999}"#, "not a policy configuration"),
      (#"{"policy": "custom", "layers": 3}"#, "an object from layers"),
      (#"{"policy": "custom", "layers": {"x": {}}}"#, "an object from layers"),
      (#"{"policy": "custom", "layers": {"": {}}}"#, "an object from layers"),
      (#"{"policy": "custom", "layers": {"2-1": {}}}"#, "an object from layers"),
      (#"{"policy": "custom", "layers": {"-1": {}}}"#, "an object from layers"),
      (#"{"policy": "custom", "layers": {"1-": {}}}"#, "an object from layers"),
      (#"{"policy": "custom", "layers": {"0-1-2": {}}}"#, "an object from layers"),
      (#"{"policy": "custom", "layers": {"1": 3}}"#, "an object from layers"),
      (#"{"policy": "custom", "layers": {"99999999999999999999": {}}}"#, "an object from layers"),
      (#"{"policy": "custom", "layers": {"4": {}}}"#, "the model has layers 0 to 3"),
      (#"{"policy": "custom", "layers": {"0-9223372036854775807": {}}}"#, "layers 0 to 3"),
      (#"{"policy": "custom", "layers": {"0-2": {}, "2-3": {}}}"#, "overrides name layer 2"),
      (#"{"policy": "custom", "layers": {"1": {"policy": 4}}}"#, "'policy' cannot be 4"),
      (#"{"policy": "custom", "layers": {"1": {"policy": "costum"}}}"#, "did you mean 'custom'?"),
      (#"{"policy": "custom", "layers": {"1": {"mod": 4}}}"#, "did you mean 'mode'?"),
      (
        #"{"policy": "custom", "layers": {"1": {"policy": "painter", "mode": "fast"}}}"#,
        "painter has no setting 'mode'"
      ),
      (#"{"policy": "contradictory", "sequence": true}"#, "declare scope .layer"),
      (#"{"policy": "contradictory", "positions": "compacted"}"#, "needs original positions"),
    ])
  func refused(_ text: String, _ fragment: String) {
    let message = complaint(text)
    #expect(message?.contains(fragment) == true, "\(message ?? "it was accepted")")
  }

  @Test("nested without end is refused, not followed")
  func depth() {
    let text = String(repeating: "[", count: 100_000)
    #expect(complaint(#"{"policy": "custom", "capacity": \#(text)"#) != nil)
  }

  @Test("may differ by layer: an override changes settings, or names another policy")
  func overrides() throws {
    let assignment = try assign(
      #"""
      {"policy": "custom", "capacity": 9, "mode": "careful",
       "layers": {"0": {"policy": "painter"}, "2-3": {"capacity": 7}, "1": {"policy": "custom"}}}
      """#)
    let policies = assignment.owner.map { assignment.policies[$0] }
    #expect(policies[0] is Painter)
    #expect(policies.dropFirst().map { ($0 as? Custom)?.capacity } == [9, 7, 7])
    #expect(policies.dropFirst().allSatisfy { ($0 as? Custom)?.mode == .careful })
    #expect(assignment.owner[2] == assignment.owner[3])
  }
}

@Suite("Settings") struct SettingsTests {
  @Test("name every setting with its value, default, what is legal and what it means")
  func entries() throws {
    let entries = try registry.settings(of: "custom", ["capacity": 5])
    #expect(entries.map(\.name) == ["capacity", "share", "mode", "strict"])
    #expect(entries.map(\.value) == [5, 0.25, "fast", false])
    #expect(entries.map(\.standard) == [16, 0.25, "fast", false])
    #expect(entries[2].legal == #"one of "fast", "careful""#)
    #expect(entries.allSatisfy { !$0.meaning.isEmpty })
    #expect(throws: PolicyError.self) { try registry.settings(of: "custom", ["cap": 5]) }
    #expect(throws: PolicyError.self) { try registry.settings(of: "nobody") }
  }

  @Test("accept whole numbers up to their limit")
  func integers() throws {
    #expect(try Custom(["capacity": 2]).capacity == 2)
    #expect(try Custom(["capacity": .number(Double(1 << 30))]).capacity == 1 << 30)
    #expect(throws: PolicyError.self) { try Custom(["capacity": .number(.infinity)]) }
    #expect(throws: PolicyError.self) { try Custom(["share": .number(.nan)]) }
  }
}

@Suite("A registry") struct RegistryTests {
  @Test("is a value: a copy with a user's policy leaves the original alone")
  func adding() throws {
    let base = PolicyRegistry([Painter.self])
    let extended = base.adding(Custom.self)
    #expect(base.names == ["painter"] && extended.names == ["painter", "custom"])
    #expect(throws: PolicyError.unknownPolicy("custom", known: ["painter"])) {
      try base.make("custom")
    }
    #expect(try extended.make("custom") is Custom)
  }

  @Test("holds one policy per name: the later one")
  func replacing() throws {
    let registry = PolicyRegistry([Custom.self, Painter.self, Custom.self])
    #expect(registry.names == ["custom", "painter"])
  }
}

@Suite("A JSON value") struct JSONValueTests {
  @Test(
    "is the same after being written and read",
    arguments: [
      "null", "true", "false", "0", "-7", "0.5", #""a \" b""#, "[]", "{}", #"[1,[2,{"a":null}]]"#,
      #"{"a":1,"b":{"c":[true,"x"]}}"#,
    ])
  func roundTrip(_ text: String) throws {
    let value = try JSONValue.parse(text)
    #expect(value.text == text)
    #expect(try JSONValue.parse(value.text) == value)
  }

  @Test("keeps numbers, truth and text apart")
  func kinds() throws {
    let values = try ["1", "true", #""1""#].map { try JSONValue.parse($0) }
    #expect(Set(values).count == 3)
    #expect(values == [.number(1), .bool(true), .string("1")])
  }
}
