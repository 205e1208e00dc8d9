/// Turns text into a model's tokens and back: byte-level byte-pair encoding.
///
/// Text is searched for added tokens (`<|im_start|>`), cut into pieces by the model's own rule
/// (`PreTokenizer`), and each piece's bytes are joined, the most frequent pair first, into tokens.
/// Where every byte is a token (`missingBytes` is empty), any text is read back exactly.
public struct Tokenizer: Sendable {
  private let parts: TokenizerParts
  private let merges: MergeTable
  private let vocabulary: Vocabulary
  /// Added tokens looked for in the text as it came, and in the composed text.
  private let rawAdded: AddedTokens
  private let composedAdded: AddedTokens

  /// How many tokens there are; ids are `0..<vocabularySize`. The model may have more rows than that.
  public var vocabularySize: Int { vocabulary.count }
  /// The token that begins a text, if the model has one.
  public var bosToken: Int? { parts.bos }
  /// The tokens that end a text or a turn; generation stops at any of them. Ascending.
  public let eosTokens: [Int]
  /// Whether the model expects `bosToken` before every text. `encode` leaves that to the caller.
  public var addsBOS: Bool { parts.addsBOS }
  /// The name of the rule that cuts text into pieces, such as `smollm`.
  public var preTokenizer: String { parts.preTokenizer.name }
  /// The tokens that `encode` matches only with `parseSpecial` and `decode` can skip, by id.
  public let specialTokens: [(id: Int, text: String)]
  /// The chat template as the model's files give it, in Jinja; nil if they have none.
  public var chatTemplateSource: String? { parts.chatTemplate }

  /// Checks and joins what a file gave.
  ///
  /// - Throws: `ModelError.tokenizer` if the parts contradict one another.
  init(_ parts: TokenizerParts) throws(ModelError) {
    self.parts = parts
    vocabulary = try Vocabulary(parts.entries)
    merges = try parts.mergeTable(vocabulary)
    try parts.check(vocabulary)
    rawAdded = AddedTokens(parts.added.filter { !$0.isComposed }.map(\.pattern))
    composedAdded = AddedTokens(parts.added.filter(\.isComposed).map(\.pattern))
    eosTokens = Set(parts.eos).sorted()
    specialTokens = parts.entries.enumerated().filter { $0.element.kind == .special }
      .map { (id: $0.offset, text: $0.element.text) }
  }

  /// The tokens of `text`, without a BOS token.
  ///
  /// - Parameter parseSpecial: whether `<|im_end|>` and its like in the text become that token, as a
  ///   rendered chat needs; if not they are text like any other, as is right for what a user typed.
  public func encode(_ text: String, parseSpecial: Bool = true) -> [Int] {
    encode(bytes: Array(text.utf8), parseSpecial: parseSpecial)
  }

  /// The tokens of `bytes`, without a BOS token.
  ///
  /// Bytes that are no UTF-8 are kept as they are, and where a rule asks for their class they count
  /// as symbols, as U+FFFD does; so text is cut in the same places as its lossy decoding. A byte for
  /// which the vocabulary has no token (`missingBytes`) becomes the unknown token, or vanishes if
  /// there is none, as in the libraries that models are trained with.
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

  /// The text of `tokens`; bytes that are no UTF-8 become U+FFFD.
  ///
  /// - Parameter skipSpecial: whether special tokens are left out.
  /// - Throws: `ModelError.request` for a token outside the vocabulary.
  public func decode(_ tokens: [Int], skipSpecial: Bool = false) throws(ModelError) -> String {
    var bytes: [UInt8] = []
    for token in tokens {
      let piece = try self.bytes(of: token)
      if !(skipSpecial && isSpecial(token)) { bytes += piece }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The bytes that `token` stands for; they may be a part of a character.
  ///
  /// - Throws: `ModelError.request` for a token outside the vocabulary.
  public func bytes(of token: Int) throws(ModelError) -> [UInt8] {
    guard (0..<vocabularySize).contains(token) else {
      throw ModelError.request(
        "token \(token) is not in the vocabulary; tokens are 0 to \(vocabularySize - 1)")
    }
    return Array(vocabulary.bytes(of: token))
  }

  /// A decoder for tokens that come one at a time.
  public func makeStream(skipSpecial: Bool) -> TokenStream {
    TokenStream(tokenizer: self, skipSpecial: skipSpecial)
  }

  /// How conversations are written for this model.
  ///
  /// - Throws: `ModelError` if there is no template, or it is not one that is supported.
  public func chatTemplate() throws(ModelError) -> ChatTemplate {
    guard let source = parts.chatTemplate else {
      throw ModelError.tokenizer(
        reason: "the model has no chat template; give it plain text, or use an instruct model")
    }
    return try ChatTemplate.detect(from: source)
  }

  /// The bytes that no token of the vocabulary stands for, ascending. SmolLM2 has 21 such, most of
  /// which no UTF-8 contains.
  public var missingBytes: [UInt8] {
    (UInt8.min...UInt8.max).filter { vocabulary.idOfByte[Int($0)] < 0 }
  }

  /// Whether `token`, which must be in the vocabulary, is a special one.
  func isSpecial(_ token: Int) -> Bool { vocabulary.kinds[token] == .special }
}
