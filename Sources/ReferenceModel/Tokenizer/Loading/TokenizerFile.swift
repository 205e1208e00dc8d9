import KVPolicyKit

/// The content of `tokenizer.json`: vocabulary, merges, added tokens, and the rules around them.
///
/// Memory is used for the tokens only, whatever their ids are.
struct TokenizerFile {
  /// The parts of the tokenizer that this file defines; other files of the folder define the rest.
  private(set) var parts = TokenizerParts()
  /// The tokens that this file names.
  private(set) var tokens = CollectedTokens()
  /// The text of the token that the post-processor puts before every text.
  private(set) var leadingToken: String?
  private let file: TokenizerJSON

  /// Reads the file's content, given as `node`.
  ///
  /// - Throws: `ModelError.tokenizer` for contradictory or unsupported content.
  init(_ node: JSONValue) throws(ModelError) {
    file = try TokenizerJSON(node, what: "tokenizer.json")
    parts.preTokenizer = try preTokenizer()
    parts.preTokenizer.composes = try composes()
    try checkDecoder()
    try readPostProcessor()
    guard let model = try file.object("model") else {
      throw ModelError.tokenizer(reason: "tokenizer.json has no model")
    }
    try checkModel(model)
    parts.merges = try merges(model)
    parts.ignoresMerges = try model.flag("ignore_merges") ?? false
    try readTokens(model)
    if let unknown = try model.text("unk_token") { parts.unknown = try id(of: unknown) }
  }

  /// The id of the ordinary or added token with text `text`.
  func id(of text: String) throws(ModelError) -> Int {
    guard let id = tokens.id(of: text) else {
      throw ModelError.tokenizer(
        reason: "'\(text)' is named as a special token, but the vocabulary has no such token")
    }
    return id
  }

  private func checkModel(_ model: TokenizerJSON) throws(ModelError) {
    let kind = try model.text("type") ?? "BPE"
    guard kind == "BPE" else {
      throw model.unsupported("type '\(kind)'", supported: "BPE over bytes")
    }
    guard try model.flag("byte_fallback") != true else {
      throw model.unsupported(
        "byte_fallback (SentencePiece)", supported: "BPE over bytes: Llama 3, Qwen2, SmolLM")
    }
    guard try model.flag("fuse_unk") != true else {
      throw model.unsupported("fuse_unk", supported: "false")
    }
    for affix in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let text = try model.text(affix), !text.isEmpty {
        throw model.unsupported("\(affix) '\(text)'", supported: "none")
      }
    }
    if let dropout = model.members["dropout"], dropout != 0 {
      throw model.unsupported("dropout", supported: "null (it is for training)")
    }
  }

  /// The merges, each stored as a text with one space or as a list of two texts.
  private func merges(
    _ model: TokenizerJSON
  ) throws(ModelError) -> [(left: String, right: String)] {
    guard let list = try model.list("merges") else {
      throw ModelError.tokenizer(reason: "tokenizer.json has no model.merges")
    }
    return try list.map { node throws(ModelError) in
      switch node {
      case .string(let line): return try MergeLine.parse(line)
      case .array(let pair):
        guard pair.count == 2, case .string(let left) = pair[0], case .string(let right) = pair[1]
        else { throw ModelError.tokenizer(reason: "a merge is a list, but not of two texts") }
        return (left, right)
      default:
        throw ModelError.tokenizer(
          reason: "a merge is \(node.kind); it must be \"left right\" or [\"left\", \"right\"]")
      }
    }
  }
}

// MARK: - Tokens

extension TokenizerFile {
  private mutating func readTokens(_ model: TokenizerJSON) throws(ModelError) {
    guard let vocabulary = try model.object("vocab") else {
      throw ModelError.tokenizer(reason: "tokenizer.json has no model.vocab")
    }
    for (text, node) in vocabulary.members {
      try tokens.addOrdinary(text, id: try vocabulary.id(node, of: "'\(text)'"))
    }
    for node in try file.list("added_tokens") ?? [] {
      let object = try TokenizerJSON(node, what: "an added token")
      guard let idNode = object.members["id"] else {
        throw ModelError.tokenizer(reason: "an added token needs an id and a content")
      }
      let added = try TokenizerParts.Added(object, id: try object.id(idNode, of: "id"))
      let text = String(decoding: added.pattern.text, as: UTF8.self)
      guard tokens.id(of: text) ?? added.pattern.id == added.pattern.id, !tokens.hasAdded(text)
      else {
        throw ModelError.tokenizer(
          reason: "the added token '\(text)' has id \(added.pattern.id), which contradicts another"
            + " entry")
      }
      try tokens.add(added)
    }
  }
}

// MARK: - Rules

extension TokenizerFile {
  private func preTokenizer() throws(ModelError) -> PreTokenizer {
    guard let node = try file.object("pre_tokenizer") else {
      throw file.unsupported("no pre_tokenizer", supported: "one that ends with ByteLevel")
    }
    let list = try node.unwrapped("pretokenizers")
    var rule = PreTokenizer(steps: [])
    for (index, part) in list.enumerated() {
      let kind = try part.text("type") ?? "absent"
      guard (kind == "ByteLevel") == (index == list.count - 1) else {
        throw part.unsupported(
          "'\(kind)' as step \(index + 1) of \(list.count)",
          supported: "ByteLevel, once, at the end")
      }
      switch kind {
      case "Digits":
        rule.steps.append(.digits(individually: try part.flag("individual_digits") ?? false))
      case "Split": rule.steps.append(.split(try pattern(part)))
      case "ByteLevel":
        if try part.flag("add_prefix_space") ?? true { rule.steps.append(.prefixSpace) }
        if try part.flag("use_regex") ?? true { rule.steps.append(.split(.gpt2)) }
      default: throw part.unsupported("type '\(kind)'", supported: "Digits, Split, ByteLevel")
      }
    }
    guard !list.isEmpty else {
      throw node.unsupported("an empty Sequence", supported: "one that ends with ByteLevel")
    }
    return rule
  }

  private func pattern(_ split: TokenizerJSON) throws(ModelError) -> SplitPattern {
    let behaviour = try split.text("behavior") ?? "absent"
    guard behaviour == "Isolated", try split.flag("invert") != true else {
      throw split.unsupported(
        "Split with behavior \(behaviour) or inverted", supported: "Isolated, not inverted")
    }
    let source = try split.object("pattern")?.text("Regex")
    guard let source, let pattern = SplitPattern(rawValue: source) else {
      let known = SplitPattern.allCases.map(\.name).joined(separator: ", ")
      throw split.unsupported(
        "the pattern \(source ?? "(no Regex)")", supported: "exactly the expressions of \(known)")
    }
    return pattern
  }

  private func composes() throws(ModelError) -> Bool {
    guard let node = try file.object("normalizer") else { return false }
    let list = try node.unwrapped("normalizers")
    for part in list {
      let kind = try part.text("type") ?? "absent"
      guard kind == "NFC" else { throw part.unsupported("type '\(kind)'", supported: "null, NFC") }
    }
    return !list.isEmpty
  }

  private func checkDecoder() throws(ModelError) {
    for part in try file.object("decoder")?.unwrapped("decoders") ?? [] {
      let kind = try part.text("type") ?? "absent"
      guard kind == "ByteLevel" else {
        throw part.unsupported("type '\(kind)'", supported: "null, ByteLevel")
      }
    }
  }

  /// Finds the token that the template puts before every text; refuses any other kind of template.
  private mutating func readPostProcessor() throws(ModelError) {
    for part in try file.object("post_processor")?.unwrapped("processors") ?? [] {
      let kind = try part.text("type") ?? "absent"
      switch kind {
      case "ByteLevel": continue
      case "TemplateProcessing":
        var names: [String?] = []
        for node in try part.list("single") ?? [] {
          let step = try TokenizerJSON(node, what: part.what)
          names.append(try step.object("SpecialToken")?.text("id"))
        }
        guard names.last == .some(nil), names.count <= 2 else {
          throw part.unsupported(
            "a template other than [BOS] text", supported: "one token or none before the text")
        }
        leadingToken = names.count == 2 ? names[0] : nil
      default:
        throw part.unsupported("type '\(kind)'", supported: "null, ByteLevel, TemplateProcessing")
      }
    }
  }
}
