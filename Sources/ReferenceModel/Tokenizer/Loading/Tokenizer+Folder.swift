import Foundation
import KVPolicyKit

extension Tokenizer {
  /// Reads the tokenizer of a Hugging Face model folder.
  ///
  /// `tokenizer.json` is required; `tokenizer_config.json` (BOS and end token, chat template),
  /// `generation_config.json` (more end tokens) and `chat_template.jinja` are read if they exist.
  /// `truncation` and `padding` in `tokenizer.json` are settings of a training run and are ignored.
  ///
  /// - Throws: `ModelError.unreadable` or `.malformed` for a file that cannot be read or is not
  ///   JSON; `ModelError.tokenizer` if the tokenizer is contradictory or its kind is not supported.
  package init(folder: String) throws(ModelError) {
    let file = try TokenizerFile(try JSONValue(file: folder + "/tokenizer.json"))
    var parts = file.parts
    let config = try Tokenizer.optional("tokenizer_config.json", in: folder)
    let bos = try config?.tokenName("bos_token") ?? file.leadingToken
    if let bos { parts.bos = try file.id(of: bos) }
    parts.addsBOS = try config?.flag("add_bos_token") ?? (file.leadingToken != nil)
    if let eos = try config?.tokenName("eos_token") { parts.eos.append(try file.id(of: eos)) }
    let generation = try Tokenizer.optional("generation_config.json", in: folder)
    parts.eos += try generation?.ids("eos_token_id") ?? []
    parts.chatTemplate =
      try config?.chatTemplate() ?? Tokenizer.text("chat_template.jinja", in: folder)
    try self.init(parts)
  }

  private static func optional(
    _ name: String, in folder: String
  ) throws(ModelError) -> TokenizerJSON? {
    let path = folder + "/" + name
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return try TokenizerJSON(try JSONValue(file: path), what: name)
  }

  private static func text(_ name: String, in folder: String) -> String? {
    FileManager.default.contents(atPath: folder + "/" + name)
      .map { String(decoding: $0, as: UTF8.self) }
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
