/// What a tokenizer file says, whatever its format, before it is believed.
struct TokenizerParts: Sendable {
  /// A token that is looked for in the text.
  struct Added: Sendable {
    /// What to look for.
    var pattern: AddedTokens.Pattern
    /// Whether it is looked for after the text is composed, or before.
    var isComposed = false
  }

  /// The tokens by id.
  var entries: [Vocabulary.Entry] = []
  /// Pairs of token texts that join, first things first.
  var merges: [(left: String, right: String)] = []
  /// How text is cut.
  var preTokenizer = PreTokenizer(steps: [.split(.gpt2)])
  /// The tokens that are looked for in the text.
  var added: [Added] = []
  /// Whether a piece that is a token as a whole is that token, whatever the merges make of it.
  var ignoresMerges = false
  /// What a byte without a token becomes.
  var unknown: Int?
  /// The token that begins a text.
  var bos: Int?
  /// The tokens that end one.
  var eos: [Int] = []
  /// Whether texts begin with `bos`.
  var addsBOS = false
  /// The chat template's source.
  var chatTemplate: String?

  /// The merges by id.
  ///
  /// - Throws: `ModelError.tokenizer` if one names or makes a text that is no token.
  func mergeTable(_ vocabulary: Vocabulary) throws(ModelError) -> MergeTable {
    var table = MergeTable(capacity: merges.count)
    for (rank, (left, right)) in merges.enumerated() {
      guard let leftID = vocabulary.id(ofText: left), let rightID = vocabulary.id(ofText: right),
        let whole = vocabulary.id(ofText: left + right)
      else {
        throw ModelError.tokenizer(
          reason:
            "merge \(rank), '\(left)' with '\(right)', names or makes a text that is no token;"
            + " the vocabulary and the merges are not of one model")
      }
      table.append(left: Int32(leftID), right: Int32(rightID), into: Int32(whole))
    }
    return table
  }

  /// Refuses ids outside the vocabulary, and a vocabulary that cannot write plain text.
  func check(_ vocabulary: Vocabulary) throws(ModelError) {
    let named = [("unknown", unknown), ("BOS", bos)] + eos.map { ("end", $0) }
    for (name, id) in named {
      guard let id, !(0..<vocabulary.count).contains(id) else { continue }
      throw ModelError.tokenizer(
        reason: "the \(name) token is \(id), but tokens are 0 to \(vocabulary.count - 1)")
    }
    if addsBOS && bos == nil {
      throw ModelError.tokenizer(reason: "texts are to begin with a BOS token, but none is named")
    }
    let plain = (UInt8(0x20)...0x7E) + [0x0A]
    let absent = plain.filter { vocabulary.idOfByte[Int($0)] < 0 }
    guard absent.isEmpty || unknown != nil else {
      throw ModelError.tokenizer(
        reason: "no token stands for byte \(absent[0]) (\(absent.count) bytes of plain text are"
          + " missing), nor is there an unknown token; this is no byte-level vocabulary")
    }
  }
}
