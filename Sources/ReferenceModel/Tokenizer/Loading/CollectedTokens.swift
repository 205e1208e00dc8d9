/// The tokens that the files of a folder name, collected file by file. The earlier file decides
/// about the id of a text.
struct CollectedTokens {
  /// The tokens of the model, to which merges apply.
  private var ordinary: [(id: Int, text: String)] = []
  /// The tokens to find in the text before it is split.
  private(set) var added: [TokenizerParts.Added] = []
  private var idOfText: [[UInt8]: Int] = [:]
  private var textOfID: [Int: [UInt8]] = [:]
  /// The index in `added` of an added token, by id.
  private var addedIndex: [Int: Int] = [:]

  /// The id of the ordinary or added token with text `text`; nil if there is none.
  func id(of text: String) -> Int? { idOfText[Array(text.utf8)] }

  /// Whether a token with this text is found in the text before it is split.
  func hasAdded(_ text: String) -> Bool { id(of: text).map { addedIndex[$0] != nil } ?? false }

  /// The lowest id above all others.
  private(set) var nextID = 0

  /// Adds a token of the model.
  ///
  /// - Throws: `ModelError.tokenizer` if another token has the id.
  mutating func addOrdinary(_ text: String, id: Int) throws(ModelError) {
    try name(Array(text.utf8), id)
    ordinary.append((id, text))
  }

  /// Adds `token`. For a token that is already added only its flags change.
  ///
  /// - Throws: `ModelError.tokenizer` if another token has the id.
  mutating func add(_ token: TokenizerParts.Added) throws(ModelError) {
    var token = token
    let text = token.pattern.text
    if let known = idOfText[text] {
      token.pattern.id = known
    } else {
      try name(text, token.pattern.id)
    }
    if let index = addedIndex[token.pattern.id] {
      added[index] = token
    } else {
      addedIndex[token.pattern.id] = added.count
      added.append(token)
    }
  }

  private mutating func name(_ text: [UInt8], _ id: Int) throws(ModelError) {
    if let other = textOfID.updateValue(text, forKey: id) {
      throw ModelError.tokenizer(
        reason: "the token '\(String(decoding: text, as: UTF8.self))' has id \(id), which"
          + " '\(String(decoding: other, as: UTF8.self))' has too; each token has an id for itself")
    }
    idOfText[text] = id
    // An id without a successor is refused with the vocabulary.
    nextID = max(nextID, id &+ 1)
  }

  /// All tokens, for the vocabulary.
  var entries: [Vocabulary.Entry] {
    var entries: [Vocabulary.Entry] = []
    let inModel = Set(ordinary.map(\.id))
    for (id, text) in ordinary {
      let kind = addedIndex[id].map { added[$0].kind } ?? .ordinary
      entries.append(Vocabulary.Entry(id: id, text: text, kind: kind))
    }
    for token in added where !inModel.contains(token.pattern.id) {
      let text = String(decoding: token.pattern.text, as: UTF8.self)
      entries.append(
        Vocabulary.Entry(id: token.pattern.id, text: text, kind: token.kind, isInModel: false))
    }
    return entries
  }
}

extension TokenizerParts.Added {
  /// What the token is for.
  fileprivate var kind: Vocabulary.Kind { pattern.isSpecial ? .special : .added }

  /// Reads a token as the Hugging Face library writes it: `content` and flags. A flag that is
  /// absent is false; a token is composed as the text is if it is not special.
  init(_ token: TokenizerJSON, id: Int, isSpecial: Bool = false) throws(ModelError) {
    guard let text = try token.text("content"), !text.isEmpty else {
      throw ModelError.tokenizer(reason: "\(token.what) needs an id and a content")
    }
    let isSpecial = try token.flag("special") ?? isSpecial
    pattern = AddedTokens.Pattern(
      id: id, text: Array(text.utf8), isSpecial: isSpecial,
      takesSpaceBefore: try token.flag("lstrip") ?? false,
      takesSpaceAfter: try token.flag("rstrip") ?? false,
      isWholeWord: try token.flag("single_word") ?? false)
    isComposed = try token.flag("normalized") ?? !isSpecial
  }

  /// A token without flags.
  init(_ text: String, id: Int, isSpecial: Bool) {
    pattern = AddedTokens.Pattern(id: id, text: Array(text.utf8), isSpecial: isSpecial)
    isComposed = !isSpecial
  }
}
