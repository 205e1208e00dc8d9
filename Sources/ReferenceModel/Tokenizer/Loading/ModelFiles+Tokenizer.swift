extension ModelFiles {
  /// The model's tokenizer, from the metadata of a GGUF file or from `tokenizer.json` of a Hugging
  /// Face folder.
  ///
  /// - Throws: `ModelError.tokenizer` if there is no tokenizer or its kind is not supported,
  ///   `ModelError.unreadable` or `.malformed` for files that cannot be used.
  public func tokenizer() throws(ModelError) -> Tokenizer {
    let vocabulary = configuration.vocabulary
    guard let folder else { return try Tokenizer(metadata: metadata, modelVocabulary: vocabulary) }
    return try Tokenizer(folder: folder, modelVocabulary: vocabulary)
  }
}
