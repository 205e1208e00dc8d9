extension Tokenizer {
  /// Tokens of a text with the token that the model expects before every text, unless they begin
  /// with it.
  package func begun(_ tokens: [Int]) -> [Int] {
    guard addsBOS, let bosToken, tokens.first != bosToken else { return tokens }
    return [bosToken] + tokens
  }
}
