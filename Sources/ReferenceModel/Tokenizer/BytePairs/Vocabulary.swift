/// The tokens: their bytes by id, and their ids by text.
struct Vocabulary: Sendable {
  /// What a token is for.
  enum Kind: UInt8, Sendable {
    /// A piece of text, spelled in the byte alphabet; merges make it.
    case ordinary
    /// A mark such as `<|im_end|>`, matched in the text only on request, left out on request.
    case special
    /// Added after training: matched in any text, never left out.
    case added
    /// Fills a gap between ids; no text becomes it.
    case unused
  }

  /// One token as a file gives it.
  struct Entry {
    /// Its text: in the byte alphabet if it is ordinary, plain otherwise.
    var text: String
    /// What it is for.
    var kind: Kind
    /// Whether the pairs may use it; false for a token that only the list of added ones names.
    var isInModel = true
  }

  /// What each token is for, by id.
  let kinds: [Kind]
  /// The token of each single byte, or -1. 256 entries.
  let idOfByte: [Int32]
  /// All tokens' bytes, one after the other; token `t` is `starts[t]..<starts[t + 1]`.
  private let storage: [UInt8]
  /// `count + 1` offsets into `storage`.
  private let starts: [Int]
  /// The id of each text that merges may name, by its UTF-8.
  private let idOfText: [[UInt8]: Int32]

  /// How many tokens there are; ids are `0..<count`.
  var count: Int { kinds.count }

  /// Takes the tokens in the order of their ids.
  ///
  /// - Throws: `ModelError.tokenizer` if there are none, or two share a text.
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

  /// The token whose text, as the file writes it, is `text`.
  func id(ofText text: String) -> Int? { idOfText[Array(text.utf8)].map(Int.init) }

  /// The token that is exactly `bytes`, made of ordinary text.
  func id(ofBytes bytes: ArraySlice<UInt8>) -> Int? {
    guard let id = idOfText[ByteAlphabet.spelling(of: bytes)], kinds[Int(id)] == .ordinary else {
      return nil
    }
    return Int(id)
  }
}
