@testable import ReferenceModel

/// A random model of one layer with Qwen2's or Qwen3's tensors, as a folder and as a GGUF file.
///
/// Its sizes are those of `TinyFolder` and `TinyGGUF`, apart from Qwen3's heads, which are wider
/// than their share of the stream.
struct TinyQwen: Sendable {
  /// A tensor under the names of both formats.
  struct Part: Sendable {
    let folder, gguf: String
    let shape: [Int]
    var floats: [Float]
    var data: [UInt8] { floats.flatMap { little($0.bitPattern) } }
  }

  let architecture: String
  let headDimension: Int
  private(set) var parts: [Part] = []

  init(_ architecture: String) {
    self.architecture = architecture
    headDimension = architecture == "qwen3" ? 32 : 16
    let (hidden, wide, tokens) = (TinyGGUF.hidden, TinyGGUF.intermediate, TinyGGUF.vocabulary)
    let (queries, keys) = (TinyGGUF.heads * headDimension, TinyGGUF.keyHeads * headDimension)
    let layer = "model.layers.0."
    var numbers = Numbers(seed: 5)
    func add(_ folder: String, _ gguf: String, _ shape: [Int]) {
      let floats = (0..<shape.reduce(1, *)).map { _ in
        folder.contains("norm") ? 1 + numbers.float() / 2 : numbers.float() / 4
      }
      parts.append(Part(folder: folder, gguf: gguf, shape: shape, floats: floats))
    }
    add("model.embed_tokens.weight", "token_embd.weight", [tokens, hidden])
    add(layer + "input_layernorm.weight", "blk.0.attn_norm.weight", [hidden])
    add(layer + "self_attn.q_proj.weight", "blk.0.attn_q.weight", [queries, hidden])
    add(layer + "self_attn.k_proj.weight", "blk.0.attn_k.weight", [keys, hidden])
    add(layer + "self_attn.v_proj.weight", "blk.0.attn_v.weight", [keys, hidden])
    add(layer + "self_attn.o_proj.weight", "blk.0.attn_output.weight", [hidden, queries])
    if architecture == "qwen2" {
      add(layer + "self_attn.q_proj.bias", "blk.0.attn_q.bias", [queries])
      add(layer + "self_attn.k_proj.bias", "blk.0.attn_k.bias", [keys])
      add(layer + "self_attn.v_proj.bias", "blk.0.attn_v.bias", [keys])
    } else {
      add(layer + "self_attn.q_norm.weight", "blk.0.attn_q_norm.weight", [headDimension])
      add(layer + "self_attn.k_norm.weight", "blk.0.attn_k_norm.weight", [headDimension])
    }
    add(layer + "post_attention_layernorm.weight", "blk.0.ffn_norm.weight", [hidden])
    add(layer + "mlp.gate_proj.weight", "blk.0.ffn_gate.weight", [wide, hidden])
    add(layer + "mlp.up_proj.weight", "blk.0.ffn_up.weight", [wide, hidden])
    add(layer + "mlp.down_proj.weight", "blk.0.ffn_down.weight", [hidden, wide])
    add("model.norm.weight", "output_norm.weight", [hidden])
    add("lm_head.weight", "output.weight", [tokens, hidden])
  }

  /// The tensors that a Llama lacks.
  var ownParts: [Part] {
    parts.filter { $0.folder.contains("self_attn.") && $0.shape.count == 1 }
  }

  /// Changes the floats of the tensor that a folder calls `name`.
  mutating func change(_ name: String, _ change: (inout [Float]) -> Void) {
    for index in parts.indices where parts[index].folder == name { change(&parts[index].floats) }
  }

  /// The model as a folder.
  var folder: TinyFolder {
    var tiny = TinyFolder()
    tiny.settings["model_type"] = "\"\(architecture)\""
    tiny.settings["head_dim"] = "\(headDimension)"
    tiny.weights.tensors = parts.map { part in
      var tensor = TinySafetensors.Tensor(part.folder, part.shape)
      tensor.data = part.data
      return tensor
    }
    return tiny
  }

  /// The model as a GGUF file; with a quantised `type`, other matrices and the same vectors.
  func gguf(_ type: TensorType = .f32) -> TinyGGUF {
    var tiny = TinyGGUF()
    tiny.values = tiny.values.map { key, value in
      let name = String(decoding: key, as: UTF8.self)
      return TinyGGUF.value(name.replacing("llama.", with: "\(architecture)."), value)
    }
    tiny.set("general.architecture", ReferenceModelTests.gguf(architecture))
    for name in ["key_length", "value_length"] {
      tiny.set(
        "\(architecture).attention.\(name)", ReferenceModelTests.gguf(UInt32(headDimension)))
    }
    var numbers = Numbers(seed: 7)
    tiny.tensors = parts.map { part in
      let isVector = part.shape.count == 1
      var tensor = TinyGGUF.Tensor(part.gguf, part.shape, isVector ? .f32 : type)
      let blocks = part.shape.reduce(1, *) / type.blockSize
      tensor.data =
        isVector || type == .f32
        ? part.data : (0..<blocks).flatMap { _ in TinyGGUF.block(type, &numbers) }
      return tensor
    }
    return tiny
  }
}
