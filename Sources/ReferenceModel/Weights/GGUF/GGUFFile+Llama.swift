extension GGUFFile {
  /// The architecture that the file names; throws if this engine does not run it, or if the file is
  /// only a part of a split model.
  func checkedArchitecture() throws(ModelError) -> Architecture {
    let settings = ModelSettings(metadata, file: file.path)
    guard let name = try settings.text("general.architecture") else {
      throw .malformed(file: file.path, reason: "'general.architecture' is missing")
    }
    let architecture = try Architecture(named: name)
    if let parts = try settings.number("split.count", in: 0...65_535), parts > 1 {
      throw .unsupported(
        what: "\(file.path): one of \(Int(parts)) parts of a split model",
        supported: "a single GGUF file; merge the parts first")
    }
    return architecture
  }

  /// The configuration that the metadata and the tensors describe. Takes the rotary factors out of
  /// `table`.
  func configuration(
    of kind: Architecture, table: inout TensorTable
  ) throws(ModelError) -> LlamaConfiguration {
    let (settings, architecture) = (ModelSettings(metadata, file: file.path), kind.rawValue)
    try refuseOtherArithmetic(architecture, settings)
    let hidden = try settings.size("\(architecture).embedding_length")
    let layers = try settings.size("\(architecture).block_count")
    let heads = try settings.size("\(architecture).attention.head_count", sameInAll: layers)
    let dimension = try headDimension(architecture, settings, hidden: hidden, heads: heads)
    let vocabulary = try embeddedTokens(table, hidden: hidden)
    let epsilon = "\(architecture).attention.layer_norm_rms_epsilon"
    guard let normEpsilon = try settings.number(epsilon, in: 1e-30...1) else {
      throw .malformed(file: file.path, reason: "'\(epsilon)' is missing")
    }
    let ends = ["eos", "eot", "eom"].map { "tokenizer.ggml.\($0)_token_id" }
    var eosTokens: [Int] = []
    for key in ends {
      for token in try settings.tokens(key, vocabulary: vocabulary)
      where !eosTokens.contains(token) { eosTokens.append(token) }
    }
    let configuration = LlamaConfiguration(
      architecture: architecture,
      layers: layers, hidden: hidden,
      intermediate: try settings.size(
        "\(architecture).feed_forward_length", sameInAll: layers),
      queryHeads: heads,
      keyHeads: try settings.sizeIfPresent(
        "\(architecture).attention.head_count_kv", sameInAll: layers) ?? heads,
      headDimension: dimension, vocabulary: vocabulary,
      contextLength: try settings.size("\(architecture).context_length"),
      normEpsilon: Float(normEpsilon),
      rope: try rope(kind, settings, dimensions: dimension, table: &table),
      hasProjectionBias: kind.hasProjectionBias, hasHeadNorm: kind.hasHeadNorm,
      tiedEmbedding: !table.has(TensorNames.gguf.head),
      bosToken: try settings.tokens("tokenizer.ggml.bos_token_id", vocabulary: vocabulary).first,
      eosTokens: eosTokens)
    try configuration.checkHeads(file: file.path)
    return configuration
  }

  /// Refuses settings that change what the layers compute.
  private func refuseOtherArithmetic(
    _ architecture: String, _ settings: ModelSettings
  ) throws(ModelError) {
    // Zero means "not set"; the number beside each key is the neutral value.
    let neutral: KeyValuePairs<String, Double> = [
      "expert_count": 0, "attention.scale": 0, "attention.max_alibi_bias": 0,
      "attention.clamp_kqv": 0, "logit_scale": 1, "embedding_scale": 1, "residual_scale": 1,
      "rope.scaling.attn_factor": 1,
    ]
    let anything = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    for (key, unchanged) in neutral {
      let name = "\(architecture).\(key)"
      if let value = try settings.number(name, in: anything), value != 0, value != unchanged {
        throw .unsupported(what: "'\(name)' = \(value)", supported: "dense models without it")
      }
    }
    let causal = "\(architecture).attention.causal"
    guard try settings.bool(causal, default: true) else {
      throw .unsupported(what: "'\(causal)' = false", supported: "causal attention")
    }
    let window = "\(architecture).attention.sliding_window"
    if let rows = try settings.number(window, in: 0...anything.upperBound), rows > 0,
      rows < Double(try settings.size("\(architecture).context_length"))
    {
      throw .unsupported(
        what: "'\(window)' = \(rows)", supported: "attention over the whole context")
    }
  }

  /// A warning if the file has byte-level tokens and does not name the rule that cuts text into
  /// pieces.
  var unnamedRuleWarning: String? {
    guard metadata["tokenizer.ggml.model"] == .string("gpt2"),
      metadata["tokenizer.ggml.pre"] ?? .string("") == .string("")
    else { return nil }
    return "the file does not name its pre-tokenizer (tokenizer.ggml.pre), so text is split by "
      + "GPT-2's rule; the tokens are wrong if the model was trained with another one"
  }

  /// The size of the vocabulary, read from the embedding's shape: the metadata may lack it.
  private func embeddedTokens(_ table: TensorTable, hidden: Int) throws(ModelError) -> Int {
    let name = TensorNames.gguf.embedding
    guard var shape = try table.shape(name) else {
      throw .tensor(name: name, reason: "is missing")
    }
    while shape.count > 2, shape[0] == 1 { shape.removeFirst() }
    guard shape.count == 2, shape[0] <= ModelSettings.sizeLimit else {
      throw .tensor(
        name: name,
        reason: "has shape \(shape); it must be [tokens, \(hidden)] with at most "
          + "\(ModelSettings.sizeLimit) tokens")
    }
    return shape[0]
  }

  /// Elements of a head: the number in the metadata, or `hidden / heads`.
  private func headDimension(
    _ architecture: String, _ settings: ModelSettings, hidden: Int, heads: Int
  ) throws(ModelError) -> Int {
    let given = try settings.sizeIfPresent("\(architecture).attention.key_length")
    guard let dimension = given ?? (hidden % heads == 0 ? hidden / heads : nil) else {
      throw .malformed(
        file: file.path,
        reason: "\(hidden) elements do not divide among \(heads) heads, and "
          + "'\(architecture).attention.key_length' is missing")
    }
    let values = try settings.sizeIfPresent("\(architecture).attention.value_length")
    guard values == nil || values == dimension else {
      throw .unsupported(
        what: "\(file.path): values of \(values ?? 0) elements beside keys of \(dimension)",
        supported: "keys and values of one length")
    }
    return dimension
  }

  private func rope(
    _ kind: Architecture, _ settings: ModelSettings, dimensions: Int, table: inout TensorTable
  ) throws(ModelError) -> RopeConfiguration {
    let architecture = kind.rawValue
    let count = "\(architecture).rope.dimension_count"
    if let turned = try settings.sizeIfPresent(count), turned != dimensions {
      throw .unsupported(
        what: "'\(count)' = \(turned)", supported: "\(dimensions), the whole head")
    }
    let name = "rope_freqs.weight"
    var factors: [Float]?
    if table.has(name) {
      factors = try table.vector(name, count: dimensions / 2)
      guard factors?.allSatisfy({ $0.isFinite && $0 > 0 }) == true else {
        throw .tensor(name: name, reason: "every factor must be finite and positive")
      }
    }
    return RopeConfiguration(
      theta: try settings.number("\(architecture).rope.freq_base", in: 1...1e15) ?? 10_000,
      scaling: try ropeScaling(architecture, settings), frequencyFactors: factors,
      pairing: kind.ggufPairing, dimensions: dimensions)
  }

  private func ropeScaling(
    _ architecture: String, _ settings: ModelSettings
  ) throws(ModelError) -> RopeConfiguration.Scaling {
    let type = try settings.text("\(architecture).rope.scaling.type")
    // Older files have `scale_linear` and no type. A factor of 0 means that no factor is set.
    let linear = try settings.number("\(architecture).rope.scale_linear", in: 0...1e6) ?? 0
    let factor = try settings.number("\(architecture).rope.scaling.factor", in: 0...1e6) ?? linear
    switch type {
    case "none": return .none
    case nil, "linear": return factor == 0 || factor == 1 ? .none : .linear(factor: factor)
    default:
      throw .unsupported(
        what: "the rotary scaling '\(type ?? "")'", supported: "none, linear, rope_freqs.weight")
    }
  }
}
