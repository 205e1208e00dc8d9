extension Tokenizer {
  /// Reads the tokenizer from a GGUF file's metadata.
  ///
  /// Uses `tokenizer.ggml.model` (must be `gpt2`: byte-level pairs), `.tokens`, `.merges`,
  /// `.token_type`, `.pre`, the BOS and end tokens, `.add_bos_token`, `.add_space_prefix`, and
  /// `tokenizer.chat_template`. Without `.pre`, or with an empty name, the rule is GPT-2's. The
  /// unknown token that a GGUF file names is ignored: bytes without a token are dropped, as in the
  /// model's original tokenizer.
  ///
  /// - Parameters:
  ///   - metadata: the values by key.
  ///   - modelVocabulary: the number of tokens that the model's embedding has; 0 if unknown.
  /// - Throws: `ModelError.tokenizer` if the metadata is incomplete, contradictory, or for another
  ///   kind of tokenizer.
  package init(metadata: [String: GGUFValue], modelVocabulary: Int = 0) throws(ModelError) {
    let reader = TokenizerMetadata(values: metadata)
    let kind = try reader.text("tokenizer.ggml.model")
    guard let kind, kind == "gpt2" else {
      throw ModelError.tokenizer(
        reason: "tokenizer.ggml.model is '\(kind ?? "absent")'; only 'gpt2' (byte-level pairs) is"
          + " supported, not SentencePiece ('llama') or WordPiece; use a model of the Llama 3,"
          + " Qwen2 or SmolLM families")
    }
    var parts = TokenizerParts()
    parts.entries = try reader.entries()
    parts.merges = try reader.merges()
    let rule = try reader.text("tokenizer.ggml.pre") ?? ""
    parts.namesRule = !rule.isEmpty
    parts.preTokenizer = try PreTokenizer.named(rule.isEmpty ? "gpt2" : rule)
    parts.bos = try reader.id("tokenizer.ggml.bos_token_id")
    // GGUF has no key for ignoring merges, and a file may lack `.add_bos_token`. The rule
    // determines both.
    let isLlama3 = parts.preTokenizer.name == "llama-bpe"
    parts.ignoresMerges = isLlama3
    parts.addsBOS =
      try reader.flag("tokenizer.ggml.add_bos_token") ?? (isLlama3 && parts.bos != nil)
    parts.modelVocabulary = modelVocabulary
    if try reader.flag("tokenizer.ggml.add_space_prefix") == true {
      parts.preTokenizer.steps.insert(
        .prefixSpace, at: parts.preTokenizer.steps.firstIndex(of: .split(.gpt2)) ?? 0)
    }
    for name in ["eos", "eot", "eom"] {
      if let id = try reader.id("tokenizer.ggml.\(name)_token_id") { parts.eos.append(id) }
    }
    parts.added = parts.entries.compactMap { entry in
      guard entry.kind == .special || entry.kind == .added else { return nil }
      let isSpecial = entry.kind == .special
      return TokenizerParts.Added(
        pattern: AddedTokens.Pattern(
          id: entry.id, text: Array(entry.text.utf8), isSpecial: isSpecial))
    }
    parts.chatTemplate = try reader.text("tokenizer.chat_template")
    try self.init(parts)
  }
}

/// Reads the values the tokenizer needs, and refuses values of a wrong type.
private struct TokenizerMetadata {
  let values: [String: GGUFValue]

  func text(_ key: String) throws(ModelError) -> String? {
    switch values[key] {
    case nil: nil
    case .string(let text): text
    case .some: throw wrongType(key, "text")
    }
  }

  func flag(_ key: String) throws(ModelError) -> Bool? {
    switch values[key] {
    case nil: nil
    case .bool(let flag): flag
    case .some: throw wrongType(key, "a Boolean")
    }
  }

  func id(_ key: String) throws(ModelError) -> Int? {
    switch values[key] {
    case nil: nil
    case .integer(let id): ModelSettings.isNoToken(id) ? nil : Int(id)
    case .some: throw wrongType(key, "a whole number")
    }
  }

  /// The tokens with their kinds. Token types: 1 ordinary, 2 unknown, 3 control, 4 added by the
  /// user, 5 unused. Without types all tokens are ordinary.
  func entries() throws(ModelError) -> [Vocabulary.Entry] {
    let (texts, types) = ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type")
    guard case .strings(let tokens)? = values[texts] else {
      throw wrongType(texts, "a list of texts, one per token")
    }
    var kinds = [Int64](repeating: 1, count: tokens.count)
    if let value = values[types] {
      guard case .integers(let given) = value, given.count == tokens.count else {
        throw wrongType(types, "a list of \(tokens.count) whole numbers, one per token")
      }
      kinds = given
    }
    var entries: [Vocabulary.Entry] = []
    for (id, text) in tokens.enumerated() {
      let kind: Vocabulary.Kind
      switch kinds[id] {
      case 1: kind = .ordinary
      case 2, 3: kind = .special
      case 4: kind = .added
      case 5: kind = .unused
      default:
        throw ModelError.tokenizer(
          reason: "token \(id) is of type \(kinds[id]); the types of byte-level tokens are 1 to 5")
      }
      entries.append(Vocabulary.Entry(id: id, text: text, kind: kind))
    }
    return entries
  }

  /// The merges, each stored as two texts with a space between the two.
  func merges() throws(ModelError) -> [(left: String, right: String)] {
    let key = "tokenizer.ggml.merges"
    guard case .strings(let lines)? = values[key] else {
      throw wrongType(key, "a list of texts, two tokens each")
    }
    return try lines.map { line throws(ModelError) in try MergeLine.parse(line) }
  }

  private func wrongType(_ key: String, _ expected: String) -> ModelError {
    let found =
      switch values[key] {
      case nil: "absent"
      case .other(let kind)?: kind
      default: "of the wrong type or length"
      }
    return .tokenizer(reason: "\(key) is \(found); it must be \(expected)")
  }
}
