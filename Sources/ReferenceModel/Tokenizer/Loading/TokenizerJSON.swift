import KVPolicyKit

/// An object of `tokenizer.json` or of a file beside it; every getter checks the value's type.
///
/// `null` counts as absent, as in the library that writes these files.
struct TokenizerJSON {
  /// The object's values.
  let members: [String: JSONValue]
  /// A description of the object, for messages.
  let what: String

  /// Takes `node`, which must be an object.
  init(_ node: JSONValue, what: String) throws(ModelError) {
    guard case .object(let members) = node else {
      throw ModelError.tokenizer(reason: "\(what) is \(node.kind); it must be an object")
    }
    self.members = members.filter { $0.value != .null }
    self.what = what
  }

  /// The text under `key`; nil if absent.
  func text(_ key: String) throws(ModelError) -> String? {
    guard let node = members[key] else { return nil }
    guard case .string(let text) = node else { throw wrongType(key, node, "text") }
    return text
  }

  /// The Boolean under `key`; nil if absent.
  func flag(_ key: String) throws(ModelError) -> Bool? {
    guard let node = members[key] else { return nil }
    guard case .bool(let flag) = node else { throw wrongType(key, node, "a Boolean") }
    return flag
  }

  /// The list under `key`; nil if absent.
  func list(_ key: String) throws(ModelError) -> [JSONValue]? {
    guard let node = members[key] else { return nil }
    guard case .array(let list) = node else { throw wrongType(key, node, "a list") }
    return list
  }

  /// The object under `key`; nil if absent.
  func object(_ key: String) throws(ModelError) -> TokenizerJSON? {
    guard let node = members[key] else { return nil }
    return try TokenizerJSON(node, what: "\(what), \(key)")
  }

  /// The token id in `node`; messages call the value `name`.
  func id(_ node: JSONValue, of name: String) throws(ModelError) -> Int {
    guard case .integer(let id) = node else { throw wrongType(name, node, "a whole number") }
    return id
  }

  /// The objects of the list under key `list` if the object's type is `Sequence`, otherwise the
  /// object itself. The objects of a Sequence inside a Sequence take its place.
  func unwrapped(_ list: String) throws(ModelError) -> [TokenizerJSON] {
    guard try text("type") == "Sequence" else { return [self] }
    var parts: [TokenizerJSON] = []
    for node in try self.list(list) ?? [] {
      parts += try TokenizerJSON(node, what: what).unwrapped(list)
    }
    return parts
  }

  /// The error for an unsupported type or setting of the object.
  func unsupported(_ found: String, supported: String) -> ModelError {
    .tokenizer(reason: "\(what): \(found) is not supported; supported: \(supported)")
  }

  private func wrongType(_ key: String, _ node: JSONValue, _ expected: String) -> ModelError {
    .tokenizer(reason: "\(what): \(key) is \(node.kind); it must be \(expected)")
  }
}
