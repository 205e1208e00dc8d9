import KVPolicyKit

extension CollectedTokens {
  /// Adds the tokens that the files beside `tokenizer.json` name, as the Hugging Face library does.
  ///
  /// Tokens with ids come first: `added_tokens_decoder` of `tokenizer_config.json`, then
  /// `added_tokens.json`. A special token named without an id is found in text if the vocabulary
  /// has its text. If it has not, an extra special token takes the next id, and a token named for a
  /// role (`bos_token`) is left out: the model has no such token.
  ///
  /// - Parameters:
  ///   - config: the content of `tokenizer_config.json`, if there is one.
  ///   - map: the content of `special_tokens_map.json`, if there is one.
  ///   - list: the content of `added_tokens.json`, if there is one.
  /// - Throws: `ModelError.tokenizer` for values of a wrong type, or two tokens with one id.
  mutating func add(
    config: TokenizerJSON?, map: TokenizerJSON?, list: TokenizerJSON?
  ) throws(ModelError) {
    if let decoder = try config?.object("added_tokens_decoder") { try add(decoder: decoder) }
    var (roles, extra): ([NamedToken], [NamedToken]) = ([], [])
    for file in [config, map].compactMap(\.self) {
      roles += try file.roleTokens().filter { !$0.text.isEmpty }
      extra += try file.extraTokens().filter { !$0.text.isEmpty }
    }
    if let list { try add(list: list, special: Set((roles + extra).map(\.text))) }
    for token in roles + extra where !hasAdded(token.text) {
      guard let id = id(of: token.text) else { continue }
      try add(token.added(id))
    }
    for token in extra where !hasAdded(token.text) { try add(token.added(nextID)) }
  }

  private mutating func add(decoder: TokenizerJSON) throws(ModelError) {
    let what = "added_tokens_decoder"
    var tokens: [TokenizerParts.Added] = []
    for (key, node) in decoder.members {
      guard let id = Int(key) else {
        throw ModelError.tokenizer(reason: "\(what) has the key '\(key)'; keys are ids, in digits")
      }
      let token = try TokenizerJSON(node, what: "token \(key) of \(what)")
      tokens.append(try TokenizerParts.Added(token, id: id))
    }
    for token in tokens.sorted(by: { $0.pattern.id < $1.pattern.id }) { try add(token) }
  }

  private mutating func add(list: TokenizerJSON, special: Set<String>) throws(ModelError) {
    var tokens: [(text: String, id: Int)] = []
    for (text, node) in list.members where !text.isEmpty {
      tokens.append((text, try list.id(node, of: "'\(text)'")))
    }
    for (text, id) in tokens.sorted(by: { $0.id < $1.id }) where !hasAdded(text) {
      try add(TokenizerParts.Added(text, id: id, isSpecial: special.contains(text)))
    }
  }
}

/// A special token that a file names without an id.
private struct NamedToken {
  /// The token's text.
  let text: String
  /// The object with the token's flags; nil if the file gives only the text.
  let flags: TokenizerJSON?

  /// Reads a text, or an object with `content` and flags; nil for anything else.
  init?(_ node: JSONValue, what: String) throws(ModelError) {
    if case .string(let text) = node {
      (self.text, flags) = (text, nil)
    } else if case .object = node {
      let object = try TokenizerJSON(node, what: what)
      guard let text = try object.text("content") else { return nil }
      (self.text, flags) = (text, object)
    } else {
      return nil
    }
  }

  func added(_ id: Int) throws(ModelError) -> TokenizerParts.Added {
    guard let flags else { return TokenizerParts.Added(text, id: id, isSpecial: true) }
    return try TokenizerParts.Added(flags, id: id, isSpecial: true)
  }
}

extension TokenizerJSON {
  /// The tokens under keys such as `eos_token`, in the order of the keys.
  fileprivate func roleTokens() throws(ModelError) -> [NamedToken] {
    var tokens: [NamedToken] = []
    for (key, node) in members.sorted(by: { $0.key < $1.key }) where key.hasSuffix("_token") {
      if let token = try NamedToken(node, what: "\(what), \(key)") { tokens.append(token) }
    }
    return tokens
  }

  /// The tokens under `additional_special_tokens` and `extra_special_tokens`: each a list, or an
  /// object of tokens by name.
  fileprivate func extraTokens() throws(ModelError) -> [NamedToken] {
    var tokens: [NamedToken] = []
    for key in ["additional_special_tokens", "extra_special_tokens"] {
      let nodes: [JSONValue]
      if case .object(let named)? = members[key] {
        nodes = named.sorted { $0.key < $1.key }.map(\.value)
      } else {
        nodes = try list(key) ?? []
      }
      for node in nodes {
        guard let token = try NamedToken(node, what: "\(what), \(key)") else {
          throw ModelError.tokenizer(
            reason: "\(what): \(key) holds \(node.kind); it must hold texts, or objects with a"
              + " content")
        }
        tokens.append(token)
      }
    }
    return tokens
  }
}
