/// Turns tokens into text as they come, never showing half a character.
///
/// A token may end inside a character (a Unicode scalar); the bytes of its start wait for the next
/// token. What all calls return, one after the other, is what `Tokenizer.decode` returns for all
/// tokens at once, U+FFFD for broken bytes included.
public struct TokenStream: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecial: Bool
  /// The start of a character whose rest has not come; at most three bytes.
  private var pending: [UInt8] = []

  init(tokenizer: Tokenizer, skipSpecial: Bool) {
    self.tokenizer = tokenizer
    self.skipSpecial = skipSpecial
  }

  /// Takes the next token; returns the text that is now complete, often empty.
  ///
  /// - Throws: `ModelError.request` if `token` is not in the vocabulary; the stream stays as it was.
  public mutating func push(_ token: Int) throws(ModelError) -> String {
    let bytes = try tokenizer.bytes(of: token)
    if skipSpecial && tokenizer.isSpecial(token) { return "" }
    pending += bytes
    let complete = pending.count - UTF8Text.cutBytes(atEndOf: pending)
    let text = String(decoding: pending[..<complete], as: UTF8.self)
    pending.removeFirst(complete)
    return text
  }

  /// Ends the text: a character that was never completed becomes U+FFFD. The stream is then as new.
  public mutating func finish() -> String {
    let text = String(decoding: pending, as: UTF8.self)
    pending.removeAll()
    return text
  }
}
