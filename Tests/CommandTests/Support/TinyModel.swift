import Foundation
import ReferenceModel

/// A random Llama of two layers as a Hugging Face folder, written by the test itself.
///
/// The model has 64 tokens and no tokenizer, or 257 tokens: one for each byte and one that ends a
/// text.
struct TinyModel {
  static let plainVocabulary = 64
  static let byteVocabulary = 257
  static let contextLength = 160
  static let shape = (layers: 2, keyHeads: 2)
  private static let (hidden, intermediate, heads, width) = (16, 24, 4, 4)

  /// Writes the model into a new folder at `path`. `poison` makes one weight a NaN, and `surplus`
  /// rows of the embedding have no token.
  static func write(
    at path: String, hasTokenizer: Bool = false, poison: Bool = false, surplus: Int = 0,
    context: Int = contextLength, chatTemplate: String? = nil
  ) throws {
    let vocabulary = surplus + (hasTokenizer ? byteVocabulary : plainVocabulary)
    let folder = URL(fileURLWithPath: path)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try write(configuration(vocabulary, context), folder, "config.json")
    try weights(vocabulary, poison).write(to: folder.appendingPathComponent("model.safetensors"))
    guard hasTokenizer else { return }
    try write(tokenizer, folder, "tokenizer.json")
    var settings = ["eos_token": "<end>"]
    settings["chat_template"] = chatTemplate
    try write(settings, folder, "tokenizer_config.json")
  }

  private static func write(_ object: [String: Any], _ folder: URL, _ name: String) throws {
    let data = try JSONSerialization.data(withJSONObject: object, options: .sortedKeys)
    try data.write(to: folder.appendingPathComponent(name))
  }

  private static func configuration(_ vocabulary: Int, _ context: Int) -> [String: Any] {
    [
      "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": vocabulary,
      "hidden_size": hidden, "intermediate_size": intermediate,
      "num_hidden_layers": shape.layers, "num_attention_heads": heads,
      "num_key_value_heads": shape.keyHeads, "head_dim": width,
      "max_position_embeddings": context, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
      "tie_word_embeddings": false, "torch_dtype": "float32",
    ]
  }

  /// A GGUF file with a token per byte and one that ends a text. `metadata` is added to its
  /// metadata.
  static func gguf(_ metadata: [(key: String, value: GGUFValue)]) -> [UInt8] {
    var file = GGUFBytes()
    let keys = shape.keyHeads * width
    let sizes = [
      "block_count": 1, "context_length": contextLength, "embedding_length": hidden,
      "feed_forward_length": intermediate, "attention.head_count": heads,
      "attention.head_count_kv": shape.keyHeads,
    ]
    file.add("general.architecture", .string("llama"))
    for (name, size) in sizes.sorted(by: { $0.key < $1.key }) {
      file.add("llama.\(name)", .integer(Int64(size)))
    }
    file.add("llama.attention.layer_norm_rms_epsilon", .float(1e-5))
    file.add("tokenizer.ggml.model", .string("gpt2"))
    file.add("tokenizer.ggml.tokens", .strings(byteTokens + ["<end>"]))
    file.add("tokenizer.ggml.merges", .strings([]))
    for (key, value) in metadata { file.add(key, value) }
    let tensors: [(name: String, shape: [Int])] = [
      ("token_embd.weight", [byteVocabulary, hidden]), ("output_norm.weight", [hidden]),
      ("blk.0.attn_norm.weight", [hidden]), ("blk.0.attn_q.weight", [heads * width, hidden]),
      ("blk.0.attn_k.weight", [keys, hidden]), ("blk.0.attn_v.weight", [keys, hidden]),
      ("blk.0.attn_output.weight", [hidden, heads * width]), ("blk.0.ffn_norm.weight", [hidden]),
      ("blk.0.ffn_gate.weight", [intermediate, hidden]),
      ("blk.0.ffn_up.weight", [intermediate, hidden]),
      ("blk.0.ffn_down.weight", [hidden, intermediate]),
    ]
    for (name, shape) in tensors {
      // Type 0 is that of 32-bit floats; the bytes 1 make small positive numbers.
      let bytes = [UInt8](repeating: 1, count: 4 * shape.reduce(1, *))
      file.add(name, shape: shape, type: 0, bytes: bytes)
    }
    return file.bytes
  }

  /// One token per byte, spelled as in byte-level vocabularies: printable Latin-1 characters as
  /// themselves, the other bytes from U+0100 on.
  private static var byteTokens: [String] {
    var next: UInt32 = 0x100
    return (UInt32(0)..<256).map { byte in
      var scalar = byte
      if !(0x21...0x7E ~= byte || 0xA1...0xAC ~= byte || 0xAE...0xFF ~= byte) {
        scalar = next
        next += 1
      }
      return Unicode.Scalar(scalar).map { String($0) } ?? ""
    }
  }

  private static var tokenizer: [String: Any] {
    let vocabulary = Dictionary(
      uniqueKeysWithValues: byteTokens.enumerated().map { ($0.element, $0.offset) })
    let end: [String: Any] = ["id": 256, "content": "<end>", "special": true]
    let bytes: [String: Any] = [
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
    ]
    return [
      "model": ["type": "BPE", "vocab": vocabulary, "merges": [String]()],
      "added_tokens": [end], "pre_tokenizer": bytes, "decoder": bytes,
    ]
  }

  private static func weights(_ vocabulary: Int, _ poison: Bool) -> Data {
    let (query, key) = (heads * width, shape.keyHeads * width)
    var tensors: [(name: String, shape: [Int])] = [
      ("lm_head.weight", [vocabulary, hidden]),
      ("model.embed_tokens.weight", [vocabulary, hidden]),
      ("model.norm.weight", [hidden]),
    ]
    for layer in 0..<shape.layers {
      let prefix = "model.layers.\(layer)."
      tensors += [
        (prefix + "input_layernorm.weight", [hidden]),
        (prefix + "post_attention_layernorm.weight", [hidden]),
        (prefix + "self_attn.q_proj.weight", [query, hidden]),
        (prefix + "self_attn.k_proj.weight", [key, hidden]),
        (prefix + "self_attn.v_proj.weight", [key, hidden]),
        (prefix + "self_attn.o_proj.weight", [hidden, query]),
        (prefix + "mlp.gate_proj.weight", [intermediate, hidden]),
        (prefix + "mlp.up_proj.weight", [intermediate, hidden]),
        (prefix + "mlp.down_proj.weight", [hidden, intermediate]),
      ]
    }
    var (header, data, random) = ([String](), Data(), Lehmer())
    for (name, shape) in tensors {
      let (count, start) = (shape.reduce(1, *), data.count)
      for index in 0..<count {
        let isPoisoned = poison && name == "model.norm.weight" && index == 0
        let value =
          isPoisoned ? Float.nan : shape.count == 1 ? 1 + random.next() / 4 : random.next()
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
          data.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
        }
      }
      header.append(
        #""\#(name)":{"dtype":"F32","shape":\#(shape),"data_offsets":[\#(start),\#(data.count)]}"#)
    }
    let text = Data("{\(header.joined(separator: ","))}".utf8)
    var file = Data()
    for shift in stride(from: 0, to: 64, by: 8) {
      file.append(UInt8(truncatingIfNeeded: text.count >> shift))
    }
    return file + text + data
  }
}

/// Lehmer's minimal standard generator, which is good enough to fill weight matrices.
private struct Lehmer {
  private var state: UInt64 = 20_240_917

  /// A number in [−1, 1).
  mutating func next() -> Float {
    state = state * 48_271 % 2_147_483_647
    return Float(state) / 1_073_741_824 - 1
  }
}
