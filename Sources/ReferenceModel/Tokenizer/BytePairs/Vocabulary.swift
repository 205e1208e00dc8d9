/// A tokenizer's tokens: the bytes of each id, and the id of each text.
struct Vocabulary: Sendable {
  /// What a token is for.
  enum Kind: UInt8, Sendable {
    /// A piece of text, spelled in the byte alphabet and made by merges.
    case ordinary
    /// A mark such as `<|im_end|>`: matched in text only with `parseSpecial`, omitted from decoded
    /// text with `skipSpecial`.
    case special
    /// Added after training: matched in any text, never omitted from decoded text.
    case added
    /// Fills a gap between ids; encoding never yields this token.
    case unused
  }

  /// One token as its file stores it.
  struct Entry {
    /// The token's text: in the byte alphabet for an ordinary token, plain otherwise.
    var text: String
    /// What the token is for.
    var kind: Kind
    /// Whether merges may use the token; false for a token that only the list of added tokens
    /// names.
    var isInModel = true
  }

  /// What each token is for, by id.
  let kinds: [Kind]
  /// The token of each single byte; -1 if there is none. 256 entries.
  let idOfByte: [Int32]
  /// The bytes of all tokens, concatenated; token `t` is `starts[t]..<starts[t + 1]`.
  private let storage: [UInt8]
  /// `count + 1` offsets into `storage`.
  private let starts: [Int]
  /// The id of each text that merges may name, by the text's UTF-8.
  private let idOfText: [[UInt8]: Int32]

  /// The number of tokens; ids are `0..<count`.
  var count: Int { kinds.count }

  /// Takes the tokens in the order of their ids.
  ///
  /// - Throws: `ModelError.tokenizer` if there are no tokens, or two tokens share a text.
  init(_ entries: [Entry]) throws(ModelError) {
    guard !entries.isEmpty, entries.count < Int(Int32.max) else {
      throw ModelError.tokenizer(
        reason: "the vocabulary has \(entries.count) tokens; it needs at least one")
    }
    var storage: [UInt8] = []
    var starts = [0]
    var idOfText = [[UInt8]: Int32](minimumCapacity: entries.count)
    for (id, entry) in entries.enumerated() {
      let spelled = entry.kind == .ordinary ? ByteAlphabet.bytes(spelledBy: entry.text) : nil
      storage += spelled ?? Array(entry.text.utf8)
      starts.append(storage.count)
      guard entry.isInModel, entry.kind != .unused else { continue }
      if let other = idOfText.updateValue(Int32(id), forKey: Array(entry.text.utf8)) {
        throw ModelError.tokenizer(
          reason: "tokens \(other) and \(id) are both '\(entry.text)'; each text has one id")
      }
    }
    self.storage = storage
    self.starts = starts
    self.idOfText = idOfText
    kinds = entries.map(\.kind)
    idOfByte = (0..<256).map { idOfText[ByteAlphabet.spelling(of: [UInt8($0)])] ?? -1 }
  }

  /// The bytes of `token`, which must be in `0..<count`.
  func bytes(of token: Int) -> ArraySlice<UInt8> { storage[starts[token]..<starts[token + 1]] }

  /// The id of the token with text `text`, spelled as in the file.
  func id(ofText text: String) -> Int? { idOfText[Array(text.utf8)].map(Int.init) }

  /// The id of the ordinary token with exactly these bytes.
  func id(ofBytes bytes: ArraySlice<UInt8>) -> Int? {
    guard let id = idOfText[ByteAlphabet.spelling(of: bytes)], kinds[Int(id)] == .ordinary else {
      return nil
    }
    return Int(id)
  }
}
