import KVPolicyKit
internal import ReferenceModel

extension Checkpoint {
  /// Writes the files of ``folderFiles`` into a new folder.
  ///
  /// The folder must not exist yet, and does not exist after an error.
  public func write(folder: String) throws(CheckpointError) {
    try CheckpointFile.write(folderFiles, folder: folder)
  }

  /// The files of a Hugging Face folder by name: `config.json`, `model.safetensors`,
  /// `tokenizer.json` and `tokenizer_config.json`. The same checkpoint gives the same bytes.
  public var folderFiles: [String: [UInt8]] {
    [
      "config.json": config.fileBytes,
      "model.safetensors": SafetensorsFile.bytes(of: tensors, metadata: ["format": "pt"]),
      "tokenizer.json": vocabulary.tokenizer.fileBytes,
      "tokenizer_config.json": tokenizerConfig.fileBytes,
    ]
  }

  /// The description of the model, for `transformers`.
  private var config: JSONValue {
    let model = configuration
    return [
      "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
      "hidden_size": JSONValue(model.hidden), "intermediate_size": JSONValue(model.intermediate),
      "num_hidden_layers": JSONValue(model.layers),
      "num_attention_heads": JSONValue(model.queryHeads),
      "num_key_value_heads": JSONValue(model.keyHeads), "head_dim": JSONValue(model.headDimension),
      "vocab_size": JSONValue(model.vocabulary),
      "max_position_embeddings": JSONValue(model.contextLength),
      // The shortest decimal number that reads back as the same 32-bit number.
      "rms_norm_eps": .number(Double("\(model.normEpsilon)") ?? Double(model.normEpsilon)),
      "rope_theta": .number(model.rope.theta), "rope_scaling": .null,
      "tie_word_embeddings": .bool(model.tiedEmbedding), "attention_bias": false,
      "mlp_bias": false, "torch_dtype": "float32",
      // For absent members `transformers` would assume 1 and 2.
      "bos_token_id": model.bosToken.map { JSONValue($0) } ?? .null, "eos_token_id": eosTokens,
    ]
  }

  private var eosTokens: JSONValue {
    let tokens = configuration.eosTokens.map { JSONValue($0) }
    guard let first = tokens.first else { return .null }
    return tokens.count == 1 ? first : .array(tokens)
  }

  private var tokenizerConfig: JSONValue {
    var members: [String: JSONValue] = [
      "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false,
      "add_bos_token": false, "model_max_length": JSONValue(configuration.contextLength),
    ]
    let texts = vocabulary.tokens
    if let bos = configuration.bosToken { members["bos_token"] = .string(texts[bos]) }
    if let eos = configuration.eosTokens.first { members["eos_token"] = .string(texts[eos]) }
    return .object(members)
  }
}
