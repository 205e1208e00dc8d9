import Foundation
import KVPolicyKit

extension Tokenizer {
  /// Reads the tokenizer of a Hugging Face model folder.
  ///
  /// `tokenizer.json` is required. The other files are read if they exist: `tokenizer_config.json`
  /// (BOS and end token, more tokens, chat template), `special_tokens_map.json` and
  /// `added_tokens.json` (more tokens), `generation_config.json` (more end tokens), and
  /// `chat_template.jinja`, which goes before the template of `tokenizer_config.json`. Only the
  /// post-processor in `tokenizer.json` decides whether texts begin with a BOS token. A BOS or end
  /// token that the vocabulary lacks is ignored. `truncation` and `padding` in `tokenizer.json` are
  /// settings of a training run and are ignored.
  ///
  /// - Parameters:
  ///   - folder: the folder's path.
  ///   - modelVocabulary: the number of tokens that the model's embedding has; 0 if unknown.
  /// - Throws: `ModelError.unreadable` or `.malformed` for a file that cannot be read or is not
  ///   JSON; `ModelError.tokenizer` if the tokenizer is contradictory or its kind is not supported.
  package init(folder: String, modelVocabulary: Int = 0) throws(ModelError) {
    let file = try TokenizerFile(try JSONValue(file: folder + "/tokenizer.json"))
    let config = try Tokenizer.optional("tokenizer_config.json", in: folder)
    let map = try Tokenizer.optional("special_tokens_map.json", in: folder)
    var tokens = file.tokens
    try tokens.add(
      config: config, map: map, list: try Tokenizer.optional("added_tokens.json", in: folder))
    var parts = file.parts
    (parts.entries, parts.added) = (tokens.entries, tokens.added)
    parts.modelVocabulary = modelVocabulary
    parts.addsBOS = file.leadingToken != nil
    for source in [map, config].compactMap(\.self) {
      if let bos = try source.tokenName("bos_token") { parts.bos = tokens.id(of: bos) }
      if let eos = try source.tokenName("eos_token") {
        parts.eos = tokens.id(of: eos).map { [$0] } ?? []
      }
    }
    if let leading = file.leadingToken { parts.bos = try file.id(of: leading) }
    let generation = try Tokenizer.optional("generation_config.json", in: folder)
    parts.eos += try generation?.ids("eos_token_id") ?? []
    parts.chatTemplate = try Tokenizer.text("chat_template.jinja", in: folder)
    if parts.chatTemplate == nil { parts.chatTemplate = try config?.chatTemplate() }
    try self.init(parts)
  }

  private static func optional(
    _ name: String, in folder: String
  ) throws(ModelError) -> TokenizerJSON? {
    let path = folder + "/" + name
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return try TokenizerJSON(try JSONValue(file: path), what: name)
  }

  private static func text(_ name: String, in folder: String) throws(ModelError) -> String? {
    let path = folder + "/" + name
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    guard let bytes = FileManager.default.contents(atPath: path) else {
      throw ModelError.unreadable(path: path, reason: "it exists, but cannot be read")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ModelError.malformed(file: path, reason: "it is not valid UTF-8")
    }
    return text
  }
}

extension TokenizerJSON {
  /// The text of a token, given directly or as `content` of an object.
  fileprivate func tokenName(_ key: String) throws(ModelError) -> String? {
    guard case .object? = members[key] else { return try text(key) }
    return try object(key)?.text("content")
  }

  /// The ids under `key`, from one id or a list of ids; empty if absent.
  fileprivate func ids(_ key: String) throws(ModelError) -> [Int] {
    guard let node = members[key] else { return [] }
    let list = if case .array(let list) = node { list } else { [node] }
    return try list.map { node throws(ModelError) in try id(node, of: key) }
      .filter { !ModelSettings.isNoToken(Int64($0)) }
  }

  /// The chat template; from a list of templates, the template named `default`.
  fileprivate func chatTemplate() throws(ModelError) -> String? {
    guard case .array(let list)? = members["chat_template"] else {
      return try text("chat_template")
    }
    for node in list {
      let item = try TokenizerJSON(node, what: "\(what), chat_template")
      if try item.text("name") == "default" { return try item.text("template") }
    }
    return nil
  }
}
