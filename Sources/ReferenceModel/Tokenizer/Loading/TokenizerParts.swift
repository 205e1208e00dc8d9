/// The content of a tokenizer's files, in a form independent of their format, before any check.
struct TokenizerParts: Sendable {
  /// A token to find in the text before it is split.
  struct Added: Sendable {
    /// The token's text and how it is matched.
    var pattern: AddedTokens.Pattern
    /// Whether the token is composed (NFC) as the text is, and searched in the composed text.
    /// Otherwise it is searched before, in the original text.
    var isComposed = false
  }

  /// The tokens, in any order.
  var entries: [Vocabulary.Entry] = []
  /// Pairs of token texts that merge, in the order of their ranks.
  var merges: [(left: String, right: String)] = []
  /// How text is cut into pieces.
  var preTokenizer = PreTokenizer(steps: [.split(.gpt2)])
  /// Whether the model's files name the rule `preTokenizer`.
  var namesRule = true
  /// The tokens to find in the text before it is split.
  var added: [Added] = []
  /// Whether a piece that equals a token becomes this token without applying the merges.
  var ignoresMerges = false
  /// The token for a byte without a token; nil drops such bytes.
  var unknown: Int?
  /// The token that begins a text.
  var bos: Int?
  /// The tokens that end a text.
  var eos: [Int] = []
  /// Whether texts begin with `bos`.
  var addsBOS = false
  /// The chat template's source.
  var chatTemplate: String?
  /// The number of tokens that the model's embedding has; 0 if unknown.
  var modelVocabulary = 0

  /// The end of the ids that the tokenizer or the model has.
  func idLimit(_ vocabulary: Vocabulary) -> Int { max(vocabulary.idLimit, modelVocabulary) }

  /// The added tokens to find in composed or in original text.
  func patterns(composed: Bool) -> [AddedTokens.Pattern] {
    var patterns = added.filter { $0.isComposed == composed }.map(\.pattern)
    guard composed, preTokenizer.composes else { return patterns }
    for index in patterns.indices {
      patterns[index].text = Composition.compose(patterns[index].text[...])
    }
    return patterns
  }

  /// The token that ends a turn of the chat template, if the template is supported and the token is
  /// in the vocabulary.
  var turnEnds: [Int] {
    guard let chatTemplate, let template = try? ChatTemplate.detect(from: chatTemplate) else {
      return []
    }
    return added.map(\.pattern).filter { $0.text.elementsEqual(template.turnEnd.utf8) }.map(\.id)
  }

  /// The merges by id.
  ///
  /// - Throws: `ModelError.tokenizer` if a merge names or makes a text that is not a token.
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

  /// Refuses ids that neither the tokenizer nor the model has, a missing BOS token that texts must
  /// begin with, and a vocabulary that cannot encode plain text.
  func check(_ vocabulary: Vocabulary) throws(ModelError) {
    let named = [("unknown", unknown), ("BOS", bos)] + eos.map { ("end", $0) }
    let limit = idLimit(vocabulary)
    for (name, id) in named {
      guard let id, !(0..<limit).contains(id) else { continue }
      throw ModelError.tokenizer(
        reason: "the \(name) token is \(id), but tokens are 0 to \(limit - 1)")
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
