/// The two position rules that a configuration can ask for.
public enum KeyPositions: String, CaseIterable, Sendable {
  /// Keys stay rotated at their index in the text.
  case original
  /// Keys are rotated at their rank in the cache.
  case compacted

  /// The position rule of this choice.
  public var rule: PositionRule { self == .original ? .original : .compacted }
}

/// Settings with settings of their own.
extension Settings {
  /// One of several kinds of a part: a name, or an object with the name as `kind` and the part's
  /// settings.
  ///
  /// - Parameters:
  ///   - name: the setting's key.
  ///   - standard: the name in use if the setting is not given.
  ///   - kinds: the legal names.
  ///   - meaning: what the setting does, in words.
  ///   - make: makes the part of the kind with this index from the settings of the object.
  public mutating func part<Part>(
    _ name: String, default standard: String, _ kinds: [String], _ meaning: String,
    _ make: (Int, inout Settings) throws(PolicyError) -> Part
  ) throws(PolicyError) -> Part {
    let names = kinds.map { "\"\($0)\"" }.joined(separator: ", ")
    let legal = "one of \(names), or an object with one as \"kind\" and its settings"
    let value = try record(name, .string(standard), legal, meaning)
    var values: [String: JSONValue] = [:]
    var kind = value
    if case .object(let members) = value {
      values = members
      kind = values.removeValue(forKey: "kind") ?? .string(standard)
    }
    guard case .string(let text) = kind, let index = kinds.firstIndex(of: text) else {
      throw bad(name, kind, legal)
    }
    return try nested(name, values) { settings throws(PolicyError) in try make(index, &settings) }
  }

  /// Another policy, whose settings stand beside those of the policy that wraps it.
  ///
  /// - Parameters:
  ///   - name: the setting's key; its value is the other policy's name.
  ///   - standard: the policy in use if the setting is not given.
  ///   - defaults: defaults that take the place of those of the other policy.
  ///   - meaning: what the other policy does, in words.
  /// - Throws: `PolicyError.unknownPolicy` for a name that is not registered, and for the name of
  ///   the policy that wraps.
  public mutating func base(
    _ name: String, default standard: any KVCachePolicy.Type,
    assuming defaults: [String: JSONValue] = [:], _ meaning: String
  ) throws(PolicyError) -> any KVCachePolicy {
    let known = parts.policies.filter { $0.name != policy }
    let legal = "the name of another policy"
    let value = try record(name, .string(standard.name), legal, meaning)
    guard case .string(let text) = value else { throw bad(name, value, legal) }
    let named = known.first { $0.name == text } ?? (text == standard.name ? standard : nil)
    guard let named else { throw .unknownPolicy(text, known: known.map { $0.name }) }
    let outer = standards
    standards.merge(defaults) { $1 }
    defer { standards = outer }
    return try named.init(&self)
  }

  /// An object with settings, all of which have defaults.
  public mutating func group<Result>(
    _ name: String, _ meaning: String, _ read: (inout Settings) throws(PolicyError) -> Result
  ) throws(PolicyError) -> Result {
    let legal = "an object with settings"
    let value = try record(name, .object([:]), legal, meaning)
    guard case .object(let values) = value else { throw bad(name, value, legal) }
    return try nested(name, values, read)
  }

  /// A word, the default, or an object with settings; nil for the word.
  public mutating func group<Result>(
    _ name: String, or word: String, _ meaning: String,
    _ read: (inout Settings) throws(PolicyError) -> Result
  ) throws(PolicyError) -> Result? {
    let legal = "\"\(word)\", or an object with settings"
    let value = try record(name, .string(word), legal, meaning)
    if value == .string(word) { return nil }
    guard case .object(let values) = value else { throw bad(name, value, legal) }
    return try nested(name, values, read)
  }

  /// When a policy forgets: a name, or an object with `prompt` and one of `every`, `everyTotal` and
  /// `afterPredicted`.
  public mutating func cadence(
    _ name: String, default standard: JSONValue, _ meaning: String
  ) throws(PolicyError) -> Cadence {
    let named = [
      "afterPrompt": Cadence.afterPrompt, "everyStep": Cadence(prompt: .atEnd, every: 1),
      "everyChunk": Cadence(prompt: .everyChunk, every: 0),
    ]
    let legal =
      #"one of "afterPrompt", "everyStep", "everyChunk", or an object with "prompt" and one of "#
      + #""every", "everyTotal" and "afterPredicted""#
    let value = try record(name, standard, legal, meaning)
    switch value {
    case .string(let text):
      guard let cadence = named[text] else { throw bad(name, value, legal) }
      return cadence
    case .object(let values):
      return try nested(name, values) { settings throws(PolicyError) in
        let prompt = try settings.choice(
          "prompt", default: CadenceInPrompt.never, "when to forget rows of the prompt")
        return Cadence(prompt: prompt.cadence, steps: try settings.decodeSteps())
      }
    default: throw bad(name, value, legal)
    }
  }

  /// The decode steps that one of three settings selects; those of `every` if none is given.
  private mutating func decodeSteps() throws(PolicyError) -> Cadence.Steps {
    let ways = ["every", "everyTotal", "afterPredicted"]
    let given = ways.filter { isGiven($0) }
    guard given.count <= 1 else {
      throw impossible(
        "'\(given[0])' and '\(given[1])' are two ways to say when; give one of them")
    }
    switch given.first {
    case "everyTotal":
      let count = try integer(
        "everyTotal", default: 128, atLeast: 1,
        "forgets when the tokens read are a multiple of this number")
      let offset = try integer(
        "offset", default: 0, atLeast: 0,
        "a number added to the tokens read, which shifts the steps")
      return .everyTotal(count, offset: offset)
    case "afterPredicted":
      return .afterPredicted(
        Set(
          try tokens(
            "afterPredicted", atLeast: 1, "forgets after one of these tokens was the likeliest next"
          )))
    default:
      return .every(
        try integer(
          "every", default: 0, atLeast: 0, "forgets at every so many decode steps; 0 for never"))
    }
  }

  /// A list of tokens, in its order; empty if it is not given.
  ///
  /// - Parameters:
  ///   - name: the setting's key.
  ///   - minimum: the least number of tokens.
  ///   - meaning: what the tokens are for, in words.
  public mutating func tokens(
    _ name: String, atLeast minimum: Int = 0, _ meaning: String
  ) throws(PolicyError) -> [Int] {
    let legal = "a list of tokens, such as [198, 271]"
    let value = try record(name, .array([]), legal, meaning)
    guard case .array(let elements) = value, elements.count >= minimum else {
      throw bad(name, value, legal)
    }
    let tokens = elements.compactMap(\.wholeNumber).filter { (0...Int(Int32.max)).contains($0) }
    guard tokens.count == elements.count else { throw bad(name, value, legal) }
    return tokens
  }
}

/// The names of ``Cadence/Prompt`` in configurations.
private enum CadenceInPrompt: String, CaseIterable {
  case never, atEnd, everyChunk

  var cadence: Cadence.Prompt {
    switch self {
    case .never: .never
    case .atEnd: .atEnd
    case .everyChunk: .everyChunk
    }
  }
}
