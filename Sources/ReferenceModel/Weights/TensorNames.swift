/// The names that a file format gives the tensors of a Llama model.
package struct TensorNames {
  /// The tensors of one layer.
  package struct Layer {
    /// The names of the attention block's tensors.
    package let attentionNorm, query, key, value, output: String
    /// The names of the feed-forward block's tensors.
    package let feedForwardNorm, gate, up, down: String
  }

  /// The names outside the layers.
  package let embedding, outputNorm, head: String
  /// The names in layer `index`.
  package let layer: @Sendable (_ index: Int) -> Layer

  /// The names in GGUF files.
  package static let gguf = TensorNames(
    embedding: "token_embd.weight", outputNorm: "output_norm.weight", head: "output.weight"
  ) { index in
    func name(_ part: String) -> String { "blk.\(index).\(part).weight" }
    return Layer(
      attentionNorm: name("attn_norm"), query: name("attn_q"), key: name("attn_k"),
      value: name("attn_v"), output: name("attn_output"), feedForwardNorm: name("ffn_norm"),
      gate: name("ffn_gate"), up: name("ffn_up"), down: name("ffn_down"))
  }

  /// The names in Hugging Face's safetensors files.
  package static let huggingFace = TensorNames(
    embedding: "model.embed_tokens.weight", outputNorm: "model.norm.weight",
    head: "lm_head.weight"
  ) { index in
    func name(_ part: String) -> String { "model.layers.\(index).\(part).weight" }
    return Layer(
      attentionNorm: name("input_layernorm"), query: name("self_attn.q_proj"),
      key: name("self_attn.k_proj"), value: name("self_attn.v_proj"),
      output: name("self_attn.o_proj"), feedForwardNorm: name("post_attention_layernorm"),
      gate: name("mlp.gate_proj"), up: name("mlp.up_proj"), down: name("mlp.down_proj"))
  }
}
