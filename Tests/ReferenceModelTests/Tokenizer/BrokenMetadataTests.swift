import ReferenceModel
import Testing

@Suite("Tokenizer metadata that lies is refused")
struct BrokenMetadataTests {
  /// One change to valid metadata, and words that the error message must contain.
  struct Lie: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var mentions: String
    var change: @Sendable (inout [String: GGUFValue]) -> Void

    init(
      _ name: String, mentions: String,
      _ change: @escaping @Sendable (inout [String: GGUFValue]) -> Void
    ) {
      (testDescription, self.mentions, self.change) = (name, mentions, change)
    }
  }

  private static func key(_ name: String) -> String { "tokenizer.ggml.\(name)" }

  private static func setting(_ name: String, _ value: GGUFValue?, mentions: String? = nil) -> Lie {
    let shown = "\(value.map { "\($0)".prefix(40) } ?? "absent")"
    return Lie("\(name): \(shown)", mentions: mentions ?? name) { $0[key(name)] = value }
  }

  private static func editing(
    _ name: String, mentions: String, _ edit: @escaping @Sendable (inout [String]) -> Void
  ) -> Lie {
    Lie("\(name) naming \(mentions)", mentions: mentions) { metadata in
      guard case .strings(var list)? = metadata[key(name)] else { return }
      edit(&list)
      metadata[key(name)] = .strings(list)
    }
  }

  static let lies: [Lie] =
    [
      setting("model", nil), setting("model", .integer(2)), setting("model", .string("")),
      setting("model", .string("llama"), mentions: "SentencePiece"),
      setting("model", .string("bert"), mentions: "'bert'"),
      setting("tokens", nil), setting("tokens", .string("a")),
      setting("tokens", .integers([1, 2])),
      setting("tokens", .strings([]), mentions: "token_type"),
      setting("merges", nil), setting("merges", .integers([0])), setting("merges", .string("a b")),
      setting("token_type", .integers([1]), mentions: "one per token"),
      setting("token_type", .integers([]), mentions: "one per token"),
      setting("token_type", .strings(["1"]), mentions: "one per token"),
      setting("pre", .string("o200k"), mentions: "smollm"), setting("pre", .integer(1)),
      setting("add_bos_token", .integer(1)), setting("add_space_prefix", .string("no")),
      setting("bos_token_id", .string("x")), setting("bos_token_id", .integer(-2), mentions: "BOS"),
      setting("bos_token_id", .integer(.max), mentions: "BOS"),
      setting("eos_token_id", .integer(.min), mentions: "end token"),
      setting("eot_token_id", .integer(1 << 40), mentions: "end token"),
      setting("eom_token_id", .floats([1])),
    ] + listLies

  private static let listLies: [Lie] = [
    Lie("a chat template that is no text", mentions: "chat_template") {
      $0["tokenizer.chat_template"] = .bool(true)
    },
    Lie("a BOS token to add, but none named", mentions: "BOS") {
      $0[key("bos_token_id")] = nil
      $0[key("add_bos_token")] = .bool(true)
    },
    Lie("no tokens and no types", mentions: "0 tokens") {
      $0[key("tokens")] = .strings([])
      $0[key("token_type")] = nil
    },
    Lie("a token type from another format", mentions: "type 6") {
      guard case .integers(var types)? = $0[key("token_type")] else { return }
      types[5] = 6
      $0[key("token_type")] = .integers(types)
    },
    Lie("a token type far out of range", mentions: "token 7") {
      guard case .integers(var types)? = $0[key("token_type")] else { return }
      types[7] = .min
      $0[key("token_type")] = .integers(types)
    },
    editing("tokens", mentions: "both '!'") { $0[9] = $0[3] },
    Lie("tokens and merges that spell no capital A", mentions: "no token stands for byte 65") {
      guard case .strings(var tokens)? = $0[key("tokens")] else { return }
      tokens[tokens.firstIndex(of: "A") ?? 0] = "AAAA"
      $0[key("tokens")] = .strings(tokens)
      $0[key("merges")] = .strings([])
    },
    editing("merges", mentions: "is no token") { $0[0] = "zzz qqq" },
    editing("merges", mentions: "merge 3") { $0[3] = "! !" },
    editing("merges", mentions: "not two tokens") { $0[0] = "one" },
    editing("merges", mentions: "not two tokens") { $0[0] = "a b c" },
    editing("merges", mentions: "not two tokens") { $0[0] = "" },
    editing("merges", mentions: "not two tokens") { $0[0] = " a" },
    editing("merges", mentions: "not two tokens") { $0[0] = "a " },
  ]

  @Test("with an error that says what is wrong", arguments: lies)
  func refused(lie: Lie) throws {
    var metadata = try TokenizerFixtures.metadata()
    _ = try Tokenizer(metadata: metadata)
    lie.change(&metadata)
    let error = #expect(throws: ModelError.self) { try Tokenizer(metadata: metadata) }
    guard case .tokenizer(let reason)? = error else {
      Issue.record("\(String(describing: error)) is not a tokenizer error")
      return
    }
    #expect(reason.contains(lie.mentions))
  }

  @Test("but what only looks odd is read") func odd() throws {
    var metadata = try TokenizerFixtures.metadata()
    metadata["tokenizer.ggml.token_type"] = nil
    metadata["tokenizer.ggml.eos_token_id"] = nil
    metadata["tokenizer.ggml.bos_token_id"] = nil
    let tokenizer = try Tokenizer(metadata: metadata)
    #expect(tokenizer.preTokenizer == "gpt2")
    #expect(tokenizer.eosTokens.isEmpty && tokenizer.specialTokens.isEmpty)
    #expect(tokenizer.bosToken == nil && !tokenizer.addsBOS)
    #expect(throws: ModelError.self) { try tokenizer.chatTemplate() }
    metadata["tokenizer.ggml.merges"] = .strings([])
    #expect(try Tokenizer(metadata: metadata).encode("the").count == "the".utf8.count)
  }

  @Test("Llama 3's rule begins texts with BOS unless the file says otherwise") func defaults()
    throws
  {
    var metadata = try TokenizerFixtures.metadata()
    metadata["tokenizer.ggml.pre"] = .string("llama-bpe")
    #expect(try Tokenizer(metadata: metadata).addsBOS)
    metadata["tokenizer.ggml.add_bos_token"] = .bool(false)
    #expect(try !Tokenizer(metadata: metadata).addsBOS)
  }

  @Test("a space before each text is put there if the file asks for it") func prefixSpace() throws {
    var metadata = try TokenizerFixtures.metadata()
    let plain = try Tokenizer(metadata: metadata)
    metadata["tokenizer.ggml.add_space_prefix"] = .bool(true)
    let prefixing = try Tokenizer(metadata: metadata)
    #expect(prefixing.encode("the cat") == plain.encode(" the cat"))
    #expect(prefixing.encode(" the cat") == plain.encode(" the cat"))
    #expect(prefixing.encode("").isEmpty)
  }
}
