/// The names that a file format gives the tensors of a Llama model.
package struct TensorNames {
  /// The tensors of one layer.
  package struct Layer {
    /// The names of the attention block's tensors.
    package let attentionNorm, query, key, value, output: String
    /// The names of attention tensors that only some architectures have.
    package let queryBias, keyBias, valueBias, queryNorm, keyNorm: String
    /// The names of the feed-forward block's tensors.
    package let feedForwardNorm, gate, up, down: String
  }

  /// The names outside the layers.
  package let embedding, outputNorm, head: String
  /// The beginnings of all names that belong to the model's computation. Other tensors of a file
  /// belong to something beside the model, such as a value head of a training run.
  package let roots: [String]
  /// The names in layer `index`.
  package let layer: @Sendable (_ index: Int) -> Layer

  /// Whether a tensor of this name belongs to the model's computation.
  func owns(_ name: String) -> Bool { roots.contains { name.hasPrefix($0) } }

  /// The names in GGUF files.
  package static let gguf = TensorNames(
    embedding: "token_embd.weight", outputNorm: "output_norm.weight", head: "output.weight",
    roots: ["blk.", "token_", "position_embd", "rope_", "output"]
  ) { index in
    func name(_ part: String) -> String { "blk.\(index).\(part).weight" }
    func bias(_ part: String) -> String { "blk.\(index).\(part).bias" }
    return Layer(
      attentionNorm: name("attn_norm"), query: name("attn_q"), key: name("attn_k"),
      value: name("attn_v"), output: name("attn_output"), queryBias: bias("attn_q"),
      keyBias: bias("attn_k"), valueBias: bias("attn_v"), queryNorm: name("attn_q_norm"),
      keyNorm: name("attn_k_norm"), feedForwardNorm: name("ffn_norm"),
      gate: name("ffn_gate"), up: name("ffn_up"), down: name("ffn_down"))
  }

  /// The names in Hugging Face's safetensors files.
  package static let huggingFace = huggingFace(
    prefix: "model.", roots: ["model.", "lm_head."])

  /// The names in safetensors files that were saved without the class around the layers.
  static let bareHuggingFace = huggingFace(
    prefix: "", roots: ["layers.", "embed_", "norm.", "lm_head."])

  private static func huggingFace(prefix: String, roots: [String]) -> TensorNames {
    TensorNames(
      embedding: prefix + "embed_tokens.weight", outputNorm: prefix + "norm.weight",
      head: "lm_head.weight", roots: roots
    ) { huggingFaceLayer("\(prefix)layers.\($0).") }
  }

  /// The names in the layer whose names begin with `prefix`.
  private static func huggingFaceLayer(_ prefix: String) -> Layer {
    func name(_ part: String) -> String { "\(prefix)\(part).weight" }
    func bias(_ part: String) -> String { "\(prefix)\(part).bias" }
    return Layer(
      attentionNorm: name("input_layernorm"), query: name("self_attn.q_proj"),
      key: name("self_attn.k_proj"), value: name("self_attn.v_proj"),
      output: name("self_attn.o_proj"), queryBias: bias("self_attn.q_proj"),
      keyBias: bias("self_attn.k_proj"), valueBias: bias("self_attn.v_proj"),
      queryNorm: name("self_attn.q_norm"), keyNorm: name("self_attn.k_norm"),
      feedForwardNorm: name("post_attention_layernorm"),
      gate: name("mlp.gate_proj"), up: name("mlp.up_proj"), down: name("mlp.down_proj"))
  }
}
