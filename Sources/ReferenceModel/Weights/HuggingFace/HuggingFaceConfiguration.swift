import KVPolicyKit

extension LlamaConfiguration {
  /// Reads a Hugging Face `config.json` at `path`.
  init(huggingFace path: String) throws(ModelError) {
    guard case .object(let members) = try JSONValue(file: path) else {
      throw ModelError.malformed(file: path, reason: "it is not a JSON object")
    }
    let settings = ModelSettings(members, file: path)
    guard let name = try settings.text("model_type") else {
      throw ModelError.malformed(file: path, reason: "'model_type' is missing")
    }
    let architecture = try Architecture(named: name)
    try LlamaConfiguration.refuseOtherArithmetic(settings, architecture)
    let context = try settings.size("max_position_embeddings")
    try LlamaConfiguration.refuseSlidingWindow(settings, architecture, context: context)
    let hidden = try settings.size("hidden_size")
    let layers = try settings.size("num_hidden_layers")
    let heads = try settings.size("num_attention_heads", sameInAll: layers)
    let dimension = try LlamaConfiguration.headDimension(
      settings, architecture, hidden: hidden, heads: heads)
    let vocabulary = try settings.size("vocab_size")
    let keyHeads = "num_key_value_heads"
    // The setting null means the number of query heads, in every architecture.
    let defaultKeyHeads = settings.declares(keyHeads) ? nil : architecture.defaultKeyHeads
    self.init(
      architecture: name,
      layers: layers, hidden: hidden,
      intermediate: try settings.size("intermediate_size", sameInAll: layers), queryHeads: heads,
      keyHeads: try settings.sizeIfPresent(keyHeads, sameInAll: layers) ?? defaultKeyHeads ?? heads,
      headDimension: dimension, vocabulary: vocabulary, contextLength: context,
      normEpsilon: Float(try settings.number("rms_norm_eps", in: 1e-30...1) ?? 1e-6),
      rope: try RopeConfiguration(huggingFace: members, dimensions: dimension, file: path),
      hasProjectionBias: architecture.hasProjectionBias, hasHeadNorm: architecture.hasHeadNorm,
      tiedEmbedding: try settings.bool("tie_word_embeddings", default: false),
      bosToken: try settings.tokens("bos_token_id", vocabulary: vocabulary).first,
      eosTokens: try settings.tokens("eos_token_id", vocabulary: vocabulary))
    try checkHeads(file: path)
  }

  /// Refuses settings that change what the layers compute.
  private static func refuseOtherArithmetic(
    _ settings: ModelSettings, _ architecture: Architecture
  ) throws(ModelError) {
    let activation = try settings.text("hidden_act") ?? "silu"
    guard activation == "silu" else {
      throw .unsupported(what: "'hidden_act' = '\(activation)'", supported: "silu")
    }
    // No setting rules the biases of Qwen2.
    for name in architecture.hasProjectionBias ? ["mlp_bias"] : ["attention_bias", "mlp_bias"]
    where try settings.bool(name, default: false) {
      throw .unsupported(
        what: "'\(name)' = true",
        supported: "models without biases, apart from those of queries, keys and values in qwen2")
    }
    guard !settings.has("quantization_config") else {
      throw .unsupported(
        what: "'quantization_config' in \(settings.file)",
        supported: "F32, F16 and BF16 folders, and quantised GGUF files")
    }
  }

  /// Refuses a sliding window that is shorter than the context.
  private static func refuseSlidingWindow(
    _ settings: ModelSettings, _ architecture: Architecture, context: Int
  ) throws(ModelError) {
    guard try architecture.hasWindow(settings) else { return }
    guard settings.declares("sliding_window") else {
      // 4096 is the default of the configuration classes.
      guard context > 4096 else { return }
      throw .unsupported(
        what: "\(architecture.rawValue) without 'sliding_window', which then is 4096, below "
          + "'max_position_embeddings' = \(context)",
        supported: "attention over the whole context ('sliding_window': null)")
    }
    if let window = try settings.sizeIfPresent("sliding_window"), window < context {
      throw .unsupported(
        what: "'sliding_window' = \(window), below 'max_position_embeddings' = \(context)",
        supported: "attention over the whole context ('sliding_window': null)")
    }
  }

  /// Elements of a head: the number in the file, or `hidden / heads`.
  private static func headDimension(
    _ settings: ModelSettings, _ architecture: Architecture, hidden: Int, heads: Int
  ) throws(ModelError) -> Int {
    if let given = try settings.sizeIfPresent("head_dim") { return given }
    if !settings.declares("head_dim"), let usual = architecture.defaultHeadDimension {
      return usual
    }
    guard hidden % heads == 0 else {
      throw .malformed(
        file: settings.file,
        reason: "'hidden_size' \(hidden) does not divide among \(heads) heads, and 'head_dim' "
          + "is missing")
    }
    return hidden / heads
  }
}
