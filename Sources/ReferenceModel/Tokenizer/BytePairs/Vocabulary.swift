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
    /// Fills a hole between ids in a GGUF file; encoding never yields this token.
    case unused
  }

  /// One token as its file stores it.
  struct Entry {
    /// The token's id.
    var id: Int
    /// The token's text: in the byte alphabet for an ordinary token, plain otherwise.
    var text: String
    /// What the token is for.
    var kind: Kind
    /// Whether merges may use the token; false for a token that only the list of added tokens
    /// names.
    var isInModel = true
  }

  /// The tokens' ids, ascending. Ids may have holes between them.
  private let ids: [Int32]
  /// What each token is for, by its index in `ids`.
  private let kinds: [Kind]
  /// The token of each single byte; -1 if there is none. 256 entries.
  let idOfByte: [Int32]
  /// The bytes of all tokens, concatenated; the token at index `i` of `ids` is
  /// `starts[i]..<starts[i + 1]`.
  private let storage: [UInt8]
  /// `count + 1` offsets into `storage`.
  private let starts: [Int]
  /// The id of each text that merges may name, by the text's UTF-8.
  private let idOfText: [[UInt8]: Int32]

  /// The number of tokens.
  var count: Int { ids.count }
  /// One more than the highest id.
  var idLimit: Int { ids.last.map { Int($0) + 1 } ?? 0 }
  /// The ids that a token may have.
  private static let legalIDs = 0..<Int(Int32.max)

  /// Takes the tokens in any order. Their ids may have holes of any size between them: memory is
  /// used for tokens only.
  ///
  /// - Throws: `ModelError.tokenizer` if there are no tokens, an id is negative or does not fit 31
  ///   bits, or two tokens share an id or a text.
  init(_ entries: [Entry]) throws(ModelError) {
    guard !entries.isEmpty else {
      throw ModelError.tokenizer(reason: "the vocabulary has 0 tokens; it needs at least one")
    }
    let entries = entries.sorted { $0.id < $1.id }
    try Vocabulary.checkIDs(entries)
    var storage: [UInt8] = []
    var starts = [0]
    var idOfText = [[UInt8]: Int32](minimumCapacity: entries.count)
    for entry in entries {
      let spelled = entry.kind == .ordinary ? ByteAlphabet.bytes(spelledBy: entry.text) : nil
      storage += spelled ?? Array(entry.text.utf8)
      starts.append(storage.count)
      guard entry.isInModel, entry.kind != .unused else { continue }
      if let other = idOfText.updateValue(Int32(entry.id), forKey: Array(entry.text.utf8)) {
        throw ModelError.tokenizer(
          reason: "tokens \(other) and \(entry.id) are both '\(entry.text)'; each text has one id")
      }
    }
    self.storage = storage
    self.starts = starts
    self.idOfText = idOfText
    ids = entries.map { Int32($0.id) }
    kinds = entries.map(\.kind)
    idOfByte = (0..<256).map { idOfText[ByteAlphabet.spelling(of: [UInt8($0)])] ?? -1 }
  }

  /// Refuses an id that is out of range or that two of the sorted `entries` share.
  private static func checkIDs(_ entries: [Entry]) throws(ModelError) {
    for entry in entries where !legalIDs.contains(entry.id) {
      throw ModelError.tokenizer(
        reason: "the token '\(entry.text)' has id \(entry.id);"
          + " ids are 0 to \(legalIDs.upperBound - 1)")
    }
    for (one, other) in zip(entries, entries.dropFirst()) where one.id == other.id {
      throw ModelError.tokenizer(
        reason: "the token '\(other.text)' has id \(one.id), which '\(one.text)' has too;"
          + " each token has an id for itself")
    }
  }

  /// The bytes of the token with this id; empty if there is none.
  func bytes(of id: Int) -> ArraySlice<UInt8> {
    index(of: id).map { storage[starts[$0]..<starts[$0 + 1]] } ?? []
  }

  /// What the token with this id is for; nil if there is none.
  func kind(of id: Int) -> Kind? { index(of: id).map { kinds[$0] } }

  /// The index in `ids`. It equals the id up to the first hole.
  private func index(of id: Int) -> Int? {
    if ids.indices.contains(id), ids[id] == id { return id }
    var (low, high) = (0, ids.count)
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low < ids.count && ids[low] == id ? low : nil
  }

  /// The id of the token with text `text`, spelled as in the file.
  func id(ofText text: String) -> Int? { idOfText[Array(text.utf8)].map(Int.init) }

  /// The id of the ordinary token with exactly these bytes.
  func id(ofBytes bytes: ArraySlice<UInt8>) -> Int? {
    guard let id = idOfText[ByteAlphabet.spelling(of: bytes)], kind(of: Int(id)) == .ordinary
    else {
      return nil
    }
    return Int(id)
  }
}
