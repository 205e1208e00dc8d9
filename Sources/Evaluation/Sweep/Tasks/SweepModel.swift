public import KVPolicyKit
public import ReferenceModel
import Synchronization

/// A model of a sweep: its opened files, and what tells it from other models.
public struct SweepModel: Sendable {
  /// The model's name, for people.
  public let name: String
  /// `bundled`, or the path of the model.
  public let source: String
  /// The opened files.
  public let files: ModelFiles
  /// Which model this is, however its matrices are stored.
  public let identity: ModelIdentity
  /// The digest of the tensors as they are stored.
  public let content: String
  private let texts = TokenizedTexts()

  /// A model of opened files. Reads all of them, for the digest.
  public init(name: String, source: String, files: ModelFiles) {
    (self.name, self.source, self.files) = (name, source, files)
    (identity, content) = (files.identity, files.contentDigest)
  }

  /// The shape of the model's cache.
  public var shape: CacheShape { files.configuration.cacheShape }

  /// The tokens of a text, with the token that the model expects before every text. Each text is
  /// encoded once.
  ///
  /// - Throws: `ModelError.tokenizer` for a model without a usable tokenizer.
  public func tokens(of text: SweepText) throws -> [Int] {
    try texts.tokens(of: text, for: files)
  }

  /// The model's tokenizer, made once.
  ///
  /// - Throws: `ModelError.tokenizer` for a model without a usable tokenizer.
  func tokenizer() throws -> Tokenizer { try texts.tokenizer(for: files) }

  /// The model as records name it.
  var description: SweepCell.Model {
    SweepCell.Model(
      name: name, source: source, identity: identity.digest, content: content,
      layers: shape.layers, keyHeads: shape.keyHeads, queryHeads: shape.queryHeads)
  }
}

/// A text that tasks read.
public struct SweepText: Sendable {
  /// The path of the text's file; nil for the built-in text.
  public let file: String?
  /// The text.
  public let text: String
  /// SHA-256 of the text, in hexadecimal digits.
  public let digest: String

  /// A text of a file, or else the built-in text.
  public init(file: String? = nil, text: String = BuiltInText.story) {
    (self.file, self.text) = (file, text)
    digest = SHA256.hexadecimal(of: Array(text.utf8))
  }

  /// The text as records name it.
  var value: JSONValue {
    ["file": .string(file ?? BuiltInText.name), "sha256": .string(digest)]
  }
}

/// A model's tokenizer, and the tokens of texts that were encoded once.
private final class TokenizedTexts: Sendable {
  private struct State {
    var tokenizer: Tokenizer?
    /// Tokens by the digest of their text.
    var known: [String: [Int]] = [:]

    mutating func tokenizer(for files: ModelFiles) throws -> Tokenizer {
      let tokenizer = try self.tokenizer ?? files.tokenizer()
      self.tokenizer = tokenizer
      return tokenizer
    }
  }

  private let state = Mutex(State())

  func tokenizer(for files: ModelFiles) throws -> Tokenizer {
    try state.withLock { try $0.tokenizer(for: files) }
  }

  func tokens(of text: SweepText, for files: ModelFiles) throws -> [Int] {
    try state.withLock { state in
      if let tokens = state.known[text.digest] { return tokens }
      let tokenizer = try state.tokenizer(for: files)
      let tokens = tokenizer.begun(tokenizer.encode(text.text, parseSpecial: false))
      state.known[text.digest] = tokens
      return tokens
    }
  }
}
