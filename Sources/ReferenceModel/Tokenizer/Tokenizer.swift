/// Turns text into a model's tokens and back: byte-level byte-pair encoding.
///
/// Encoding finds added tokens (`<|im_start|>`) in the text, cuts the rest into pieces by the
/// model's rule (`PreTokenizer`), and merges the bytes of each piece into tokens, the pair of
/// lowest rank first. If every byte has a token (`missingBytes` is empty), decoding restores the
/// text exactly, unless the rule composes text or inserts spaces, or an added token takes in the
/// white space around it.
public struct Tokenizer: Sendable {
  private let parts: TokenizerParts
  private let merges: MergeTable
  private let vocabulary: Vocabulary
  /// Added tokens to find in the original text, and in the composed text.
  private let rawAdded: AddedTokens
  private let composedAdded: AddedTokens

  /// The number of tokens. Ids start at 0 and may have holes between them, and the model's
  /// embedding may have more matrix rows.
  public var vocabularySize: Int { vocabulary.count }
  /// The token that begins a text; nil if the model has no BOS token.
  public var bosToken: Int? { parts.bos }
  /// The tokens that end a text or a turn; generation stops at any of them. Ascending.
  ///
  /// These are the tokens that the model's files name, and the token that ends a turn of the chat
  /// template, whether the files name it or not.
  public let eosTokens: [Int]
  /// Whether the model expects `bosToken` before every text. `encode` adds no BOS token; the caller
  /// does.
  public var addsBOS: Bool { parts.addsBOS }
  /// The name of the rule that cuts text into pieces, such as `smollm`.
  public var preTokenizer: String { parts.preTokenizer.name }
  /// Whether the model's files name that rule. A GGUF file without `tokenizer.ggml.pre` does not,
  /// and is read with GPT-2's rule.
  public var namesPreTokenizer: Bool { parts.namesRule }
  /// The tokens that `encode` matches only with `parseSpecial` and `decode` can skip, by id.
  public let specialTokens: [(id: Int, text: String)]
  /// The chat template as the model's files give it, in Jinja; nil if they have none.
  public var chatTemplateSource: String? { parts.chatTemplate }

  /// Checks the parts and makes a tokenizer of them.
  ///
  /// - Throws: `ModelError.tokenizer` if the parts contradict one another.
  init(_ parts: TokenizerParts) throws(ModelError) {
    self.parts = parts
    vocabulary = try Vocabulary(parts.entries)
    merges = try parts.mergeTable(vocabulary)
    try parts.check(vocabulary)
    rawAdded = AddedTokens(parts.patterns(composed: false))
    composedAdded = AddedTokens(parts.patterns(composed: true))
    eosTokens = Set(parts.eos + parts.turnEnds).sorted()
    specialTokens = parts.entries.filter { $0.kind == .special }.sorted { $0.id < $1.id }
      .map { (id: $0.id, text: $0.text) }
  }

  /// The tokens of `text`, without a BOS token.
  ///
  /// - Parameters:
  ///   - text: any text; an empty text gives no tokens.
  ///   - parseSpecial: whether a special token's text, such as `<|im_end|>`, becomes the special
  ///     token, as a rendered chat needs. Otherwise it is ordinary text, which is right for text
  ///     that a user typed.
  public func encode(_ text: String, parseSpecial: Bool = true) -> [Int] {
    encode(bytes: Array(text.utf8), parseSpecial: parseSpecial)
  }

  /// The tokens of `bytes`, without a BOS token.
  ///
  /// Bytes that are not UTF-8 stay unchanged, and the rule treats them as symbols, as it treats
  /// U+FFFD; so text is cut at the same points as its lossy decoding. A byte without a token in the
  /// vocabulary (`missingBytes`) becomes the unknown token. Without an unknown token the byte is
  /// dropped, as in the libraries that models are trained with.
  public func encode(bytes: [UInt8], parseSpecial: Bool = true) -> [Int] {
    var tokens: [Int] = []
    var merger = PairMerger()
    for part in rawAdded.parts(of: bytes, in: 0..<bytes.count, parseSpecial: parseSpecial) {
      switch part {
      case .token(let id): tokens.append(id)
      case .text(let range):
        let text = parts.preTokenizer.composes ? Composition.compose(bytes[range]) : bytes
        let whole = parts.preTokenizer.composes ? 0..<text.count : range
        for part in composedAdded.parts(of: text, in: whole, parseSpecial: parseSpecial) {
          switch part {
          case .token(let id): tokens.append(id)
          case .text(let range): encode(text[range], with: &merger, into: &tokens)
          }
        }
      }
    }
    return tokens
  }

  private func encode(
    _ text: ArraySlice<UInt8>, with merger: inout PairMerger, into tokens: inout [Int]
  ) {
    var classified = ClassifiedText(text)
    for range in parts.preTokenizer.split(&classified) {
      let piece = classified.bytes[range]
      if parts.ignoresMerges, let whole = vocabulary.id(ofBytes: piece) {
        tokens.append(whole)
      } else {
        merger.encode(
          piece, vocabulary: vocabulary, merges: merges, unknown: parts.unknown.map(Int32.init),
          into: &tokens)
      }
    }
  }

  /// The text of `tokens`; bytes that are not UTF-8 become U+FFFD.
  ///
  /// - Parameters:
  ///   - tokens: tokens of the model. Tokens that the tokenizer lacks have no text.
  ///   - skipSpecial: whether special tokens are left out.
  /// - Throws: `ModelError.request` for a token that neither the tokenizer nor the model has.
  public func decode(_ tokens: [Int], skipSpecial: Bool = false) throws(ModelError) -> String {
    var bytes: [UInt8] = []
    for token in tokens {
      let piece = try self.bytes(of: token)
      if !(skipSpecial && isSpecial(token)) { bytes += piece }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The bytes of `token`, which may be only a part of a character.
  ///
  /// There are none for a hole between the tokenizer's ids, and for an id past the tokenizer's that
  /// has a row in the model's embedding: many embeddings are padded.
  ///
  /// - Throws: `ModelError.request` for a token that neither the tokenizer nor the model has.
  public func bytes(of token: Int) throws(ModelError) -> [UInt8] {
    let limit = parts.idLimit(vocabulary)
    guard (0..<limit).contains(token) else {
      throw ModelError.request(
        "token \(token) is not in the vocabulary; tokens are 0 to \(limit - 1)")
    }
    return Array(vocabulary.bytes(of: token))
  }

  /// A decoder that takes one token at a time.
  public func makeStream(skipSpecial: Bool) -> TokenStream {
    TokenStream(tokenizer: self, skipSpecial: skipSpecial)
  }

  /// The format of conversations for this model.
  ///
  /// - Throws: `ModelError` if the model has no template, or the template is not supported.
  public func chatTemplate() throws(ModelError) -> ChatTemplate {
    guard let source = parts.chatTemplate else {
      throw ModelError.tokenizer(
        reason: "the model has no chat template; give it plain text, or use an instruct model")
    }
    return try ChatTemplate.detect(from: source)
  }

  /// The bytes without a token in the vocabulary, ascending. SmolLM2 lacks 21 bytes, most of which
  /// never occur in UTF-8.
  public var missingBytes: [UInt8] {
    (UInt8.min...UInt8.max).filter { vocabulary.idOfByte[Int($0)] < 0 }
  }

  /// Whether `token` is a special token.
  func isSpecial(_ token: Int) -> Bool { vocabulary.kind(of: token) == .special }
}
