@testable import ReferenceModel

extension BrokenGGUF {
  /// Sound files whose model is contradictory, incomplete, or of another kind.
  static let models = [
    BrokenGGUF("no architecture", says: "'general.architecture' is missing") {
      $0.remove("general.architecture")
    },
    BrokenGGUF(
      "architecture phi3",
      says: "'phi3' is not supported; supported: llama, mistral, qwen2, qwen3"
    ) {
      $0.set("general.architecture", gguf("phi3"))
    },
    BrokenGGUF("keys of another architecture", says: "'qwen2.embedding_length' is missing") {
      $0.set("general.architecture", gguf("qwen2"))
    },
    BrokenGGUF("architecture as a number", says: "'general.architecture' is a whole number") {
      $0.set("general.architecture", gguf(UInt32(1)))
    },
    BrokenGGUF("no layers given", says: "'llama.block_count' is missing") {
      $0.remove("llama.block_count")
    },
    BrokenGGUF("no layers", says: "'llama.block_count' is 0") {
      $0.set("llama.block_count", gguf(UInt32(0)))
    },
    BrokenGGUF("10^9 layers", says: "'llama.block_count' is 1000000000") {
      $0.set("llama.block_count", gguf(UInt32(1_000_000_000)))
    },
    BrokenGGUF("as many layers as allowed", says: "tensor 'blk.1.attn_norm.weight': is missing") {
      $0.set("llama.block_count", gguf(UInt32(ModelSettings.sizeLimit)))
    },
    BrokenGGUF("negative width", says: "'llama.embedding_length' is -32") {
      $0.set("llama.embedding_length", gguf(Int32(-32)))
    },
    BrokenGGUF("width as text", says: "'llama.embedding_length' is text") {
      $0.set("llama.embedding_length", gguf("32"))
    },
    BrokenGGUF("width as float", says: "'llama.embedding_length' is a number with a fraction") {
      $0.set("llama.embedding_length", gguf(Float(32)))
    },
    BrokenGGUF("heads of more layers", says: "or a list of 1 equal ones, one for each layer") {
      $0.set(
        "llama.attention.head_count",
        ggufArray(type: 4, count: 2, little(UInt32(2)) + little(UInt32(2))))
    },
    BrokenGGUF("width by layer", says: "'llama.embedding_length' is a list of whole numbers") {
      $0.set("llama.embedding_length", ggufArray(type: 4, count: 1, little(UInt32(32))))
    },
    BrokenGGUF("heads that do not divide", says: "32 elements do not divide among 3 heads") {
      $0.set("llama.attention.head_count", gguf(UInt32(3)))
    },
    BrokenGGUF("groups that do not divide", says: "2 query heads do not divide among 3 key heads") {
      $0.set("llama.attention.head_count_kv", gguf(UInt32(3)))
    },
    BrokenGGUF("odd heads", says: "rotary embedding needs an even number") {
      $0.set("llama.attention.key_length", gguf(UInt32(15)))
    },
    BrokenGGUF("values of another length", says: "values of 8 elements beside keys of 16") {
      $0.set("llama.attention.value_length", gguf(UInt32(8)))
    },
    BrokenGGUF("no epsilon", says: "layer_norm_rms_epsilon' is missing") {
      $0.remove("llama.attention.layer_norm_rms_epsilon")
    },
    BrokenGGUF("epsilon not a number", says: "layer_norm_rms_epsilon' is nan") {
      $0.set("llama.attention.layer_norm_rms_epsilon", gguf(Float.nan))
    },
    BrokenGGUF("negative epsilon", says: "layer_norm_rms_epsilon' is -1.0") {
      $0.set("llama.attention.layer_norm_rms_epsilon", gguf(Float(-1)))
    },
    BrokenGGUF("infinite theta", says: "'llama.rope.freq_base' is inf") {
      $0.set("llama.rope.freq_base", gguf(Float.infinity))
    },
    BrokenGGUF("theta of 0", says: "'llama.rope.freq_base' is 0.0") {
      $0.set("llama.rope.freq_base", gguf(Float(0)))
    },
    BrokenGGUF("yarn", says: "the rotary scaling 'yarn' is not supported") {
      $0.set("llama.rope.scaling.type", gguf("yarn"))
    },
    BrokenGGUF("negative scaling", says: "'llama.rope.scaling.factor' is -2.0") {
      $0.set("llama.rope.scaling.factor", gguf(Float(-2)))
    },
    BrokenGGUF("partial rotation", says: "'llama.rope.dimension_count' = 8 is not supported") {
      $0.set("llama.rope.dimension_count", gguf(UInt32(8)))
    },
    BrokenGGUF("rotary factor of 0", says: "tensor 'rope_freqs.weight': every factor must be") {
      $0.tensors.append(TinyGGUF.Tensor("rope_freqs.weight", [8], .f32))
      $0.change("rope_freqs.weight") { $0.data.replaceSubrange(0..<4, with: [0, 0, 0, 0]) }
    },
    BrokenGGUF("too few rotary factors", says: "has shape [4]; the configuration asks for [8]") {
      $0.tensors.append(TinyGGUF.Tensor("rope_freqs.weight", [4], .f32))
    },
    BrokenGGUF("experts by setting", says: "'llama.expert_count' = 8.0 is not supported") {
      $0.set("llama.expert_count", gguf(UInt32(8)))
    },
    BrokenGGUF("experts by tensor", says: "(part of a mixture of experts) is not supported") {
      $0.change("blk.0.ffn_gate.weight") { $0.name = Array("blk.0.ffn_gate_exps.weight".utf8) }
    },
    BrokenGGUF("query bias", says: "tensor 'blk.0.attn_q.bias' (a bias) is not supported") {
      $0.tensors.append(TinyGGUF.Tensor("blk.0.attn_q.bias", [32], .f32))
    },
    BrokenGGUF("norm of queries", says: "'blk.0.attn_q_norm.weight' (not a part of") {
      $0.tensors.append(TinyGGUF.Tensor("blk.0.attn_q_norm.weight", [16], .f32))
    },
    BrokenGGUF("a layer too many", says: "'blk.1.attn_norm.weight' (not a part of") {
      $0.tensors.append(TinyGGUF.Tensor("blk.1.attn_norm.weight", [32], .f32))
    },
    BrokenGGUF("sliding window", says: "'llama.attention.sliding_window' = 64.0 is not supported") {
      $0.set("llama.attention.sliding_window", gguf(UInt32(64)))
    },
    BrokenGGUF("attention both ways", says: "'llama.attention.causal' = false is not supported") {
      $0.set("llama.attention.causal", little(UInt32(7)) + [0])
    },
    BrokenGGUF("another attention scale", says: "'llama.attention.scale' = 0.5 is not supported") {
      $0.set("llama.attention.scale", gguf(Float(0.5)))
    },
    BrokenGGUF("part of a split", says: "one of 3 parts of a split model") {
      $0.set("split.count", gguf(UInt32(3)))
    },
    BrokenGGUF("no embedding", says: "tensor 'token_embd.weight': is missing") {
      $0.tensors.removeFirst()
    },
    BrokenGGUF("embedding of one axis", says: "it must be [tokens, 32]") {
      $0.tensors[0] = TinyGGUF.Tensor("token_embd.weight", [256], .q8_0)
    },
    BrokenGGUF("no output norm", says: "tensor 'output_norm.weight': is missing") {
      $0.removeTensor("output_norm.weight")
    },
    BrokenGGUF("no tensors", says: "tensor 'token_embd.weight': is missing") { $0.tensors = [] },
    BrokenGGUF("transposed matrix", says: "has shape [32, 64]; the configuration asks for [64, 32]")
    {
      $0.change("blk.0.ffn_up.weight") { $0.dimensions = [64, 32] }
    },
    BrokenGGUF("quantised norm", says: "is stored as Q8_0; it must be F32, F16 or BF16") {
      $0.change("output_norm.weight") { $0 = TinyGGUF.Tensor("output_norm.weight", [32], .q8_0) }
    },
    BrokenGGUF("start outside the vocabulary", says: "bos_token_id' is 8; it must be token numbers")
    {
      $0.set("tokenizer.ggml.bos_token_id", gguf(UInt32(8)))
    },
    BrokenGGUF("negative end", says: "eos_token_id' is -2; it must be token numbers") {
      $0.set("tokenizer.ggml.eos_token_id", gguf(Int32(-2)))
    },
  ]
}
