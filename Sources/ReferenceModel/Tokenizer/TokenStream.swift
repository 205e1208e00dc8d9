/// Decodes tokens one by one into text, and never returns half a character.
///
/// A token may end inside a character (a Unicode scalar); the character's first bytes wait for the
/// next token. The results of all calls, concatenated, equal the result of `Tokenizer.decode` for
/// all tokens at once, including U+FFFD for broken bytes.
public struct TokenStream: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecial: Bool
  /// The first bytes of an incomplete character; at most three.
  private var pending: [UInt8] = []

  init(tokenizer: Tokenizer, skipSpecial: Bool) {
    self.tokenizer = tokenizer
    self.skipSpecial = skipSpecial
  }

  /// Takes the next token and returns the text that is now complete, which may be empty.
  ///
  /// - Throws: `ModelError.request` if neither the tokenizer nor the model has `token`; the stream
  ///   is then unchanged.
  public mutating func push(_ token: Int) throws(ModelError) -> String {
    let bytes = try tokenizer.bytes(of: token)
    if skipSpecial && tokenizer.isSpecial(token) { return "" }
    pending += bytes
    let complete = pending.count - UTF8Text.cutBytes(atEndOf: pending)
    let text = String(decoding: pending[..<complete], as: UTF8.self)
    pending.removeFirst(complete)
    return text
  }

  /// Ends the text: an incomplete character becomes U+FFFD. The stream can then start a new text.
  public mutating func finish() -> String {
    let text = String(decoding: pending, as: UTF8.self)
    pending.removeAll()
    return text
  }
}
