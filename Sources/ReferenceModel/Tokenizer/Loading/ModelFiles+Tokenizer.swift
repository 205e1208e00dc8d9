extension ModelFiles {
  /// The tokenizer that belongs to the model: in the metadata of a GGUF file, or `tokenizer.json` of a
  /// Hugging Face folder.
  ///
  /// - Throws: `ModelError.tokenizer` if there is none or it is of a kind that is not supported,
  ///   `ModelError.unreadable` or `.malformed` for files that cannot be used.
  public func tokenizer() throws(ModelError) -> Tokenizer {
    guard let folder else { return try Tokenizer(metadata: metadata) }
    return try Tokenizer(folder: folder)
  }
}
