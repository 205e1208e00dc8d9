import ReferenceModel

/// A small valid GGUF model, in parts that a test can falsify before they become bytes.
struct TinyGGUF: Sendable {
  /// A tensor's entry in the list, and its data.
  struct Tensor: Sendable {
    var name: [UInt8]
    var dimensions: [UInt64]
    var type: UInt32
    var data: [UInt8]
    /// The offset to write instead of the true one; nil for the true offset.
    var offset: UInt64?
  }

  var magic = Array("GGUF".utf8)
  var version: UInt32 = 3
  /// The number to write instead of the true one; nil for the true number.
  var tensorCount: UInt64?
  var valueCount: UInt64?
  /// Keys, and values that begin with their type.
  var values: [(key: [UInt8], value: [UInt8])]
  var tensors: [Tensor]
  /// The alignment at which tensors are really written.
  var alignment = 32
  /// Bytes after the end of the data.
  var trailing: [UInt8] = []
  /// An edit of the finished bytes.
  var edit: @Sendable (inout [UInt8]) -> Void = { _ in }

  static let hidden = 32
  static let intermediate = 64
  static let heads = 2
  static let keyHeads = 1
  static let headDimension = 16
  static let vocabulary = 8

  /// A model of one layer whose matrices are of `type` and whose norms are F32.
  init(_ type: TensorType = .q8_0, tied: Bool = false) {
    let (hidden, wide) = (TinyGGUF.hidden, TinyGGUF.intermediate)
    let keys = TinyGGUF.keyHeads * TinyGGUF.headDimension
    values = [
      TinyGGUF.value("general.architecture", gguf("llama")),
      TinyGGUF.value("llama.block_count", gguf(UInt32(1))),
      TinyGGUF.value("llama.context_length", gguf(UInt32(128))),
      TinyGGUF.value("llama.embedding_length", gguf(UInt32(hidden))),
      TinyGGUF.value("llama.feed_forward_length", gguf(UInt32(wide))),
      TinyGGUF.value("llama.attention.head_count", gguf(UInt32(TinyGGUF.heads))),
      TinyGGUF.value("llama.attention.head_count_kv", gguf(UInt32(TinyGGUF.keyHeads))),
      TinyGGUF.value("llama.attention.layer_norm_rms_epsilon", gguf(Float(1e-5))),
      TinyGGUF.value("tokenizer.ggml.tokens", gguf(["a", "b", "c", "d", "e", "f", "g", "h"])),
      TinyGGUF.value("tokenizer.ggml.bos_token_id", gguf(UInt32(1))),
      TinyGGUF.value("tokenizer.ggml.eos_token_id", gguf(UInt32(2))),
    ]
    tensors = [
      Tensor("token_embd.weight", [TinyGGUF.vocabulary, hidden], type),
      Tensor("blk.0.attn_norm.weight", [hidden], .f32),
      Tensor("blk.0.attn_q.weight", [hidden, hidden], type),
      Tensor("blk.0.attn_k.weight", [keys, hidden], type),
      Tensor("blk.0.attn_v.weight", [keys, hidden], type),
      Tensor("blk.0.attn_output.weight", [hidden, hidden], type),
      Tensor("blk.0.ffn_norm.weight", [hidden], .f32),
      Tensor("blk.0.ffn_gate.weight", [wide, hidden], type),
      Tensor("blk.0.ffn_up.weight", [wide, hidden], type),
      Tensor("blk.0.ffn_down.weight", [hidden, wide], type),
      Tensor("output_norm.weight", [hidden], .f32),
    ]
    if !tied { tensors.append(Tensor("output.weight", [TinyGGUF.vocabulary, hidden], type)) }
  }

  /// The bytes of the file.
  var bytes: [UInt8] {
    var header = magic + little(version)
    header += little(tensorCount ?? UInt64(tensors.count))
    header += little(valueCount ?? UInt64(values.count))
    for (key, value) in values { header += little(UInt64(key.count)) + key + value }
    var data: [UInt8] = []
    for tensor in tensors {
      header += little(UInt64(tensor.name.count)) + tensor.name
      header += little(UInt32(tensor.dimensions.count))
      for dimension in tensor.dimensions { header += little(dimension) }
      header += little(tensor.type) + little(tensor.offset ?? UInt64(data.count))
      data += tensor.data
      data += padding(data.count)
    }
    var file = header + padding(header.count) + data + trailing
    edit(&file)
    return file
  }

  private func padding(_ count: Int) -> [UInt8] {
    [UInt8](repeating: 0, count: (alignment - count % alignment) % alignment)
  }
}

extension TinyGGUF {
  static func value(_ key: String, _ value: [UInt8]) -> (key: [UInt8], value: [UInt8]) {
    (Array(key.utf8), value)
  }

  /// Sets the value of metadata `key`, or adds the key.
  mutating func set(_ key: String, _ value: [UInt8]) {
    remove(key)
    values.append(TinyGGUF.value(key, value))
  }

  mutating func remove(_ key: String) { values.removeAll { $0.key == Array(key.utf8) } }

  /// Changes the tensor called `name`.
  mutating func change(_ name: String, _ change: (inout Tensor) -> Void) {
    for index in tensors.indices where tensors[index].name == Array(name.utf8) {
      change(&tensors[index])
    }
  }

  mutating func removeTensor(_ name: String) { tensors.removeAll { $0.name == Array(name.utf8) } }
}

extension TinyGGUF.Tensor {
  /// A tensor of `shape` (outermost first) whose bytes are all 1, so every number in it is finite.
  init(_ name: String, _ shape: [Int], _ type: TensorType) {
    self.name = Array(name.utf8)
    dimensions = shape.reversed().map { UInt64($0) }
    self.type = ggmlNumbers[type] ?? .max
    let blocks = shape.reduce(1, *) / type.blockSize
    data = [UInt8](repeating: 1, count: blocks * type.blockBytes)
  }
}

/// ggml's numbers, written here a second time so that the loader's table is tested.
let ggmlNumbers: [TensorType: UInt32] = [
  .f32: 0, .f16: 1, .q4_0: 2, .q4_1: 3, .q5_0: 6, .q5_1: 7, .q8_0: 8, .bf16: 30,
]

// MARK: - Values with their type in front

func gguf(_ value: UInt32) -> [UInt8] { little(UInt32(4)) + little(value) }
func gguf(_ value: Int32) -> [UInt8] { little(UInt32(5)) + little(value) }
func gguf(_ value: Float) -> [UInt8] { little(UInt32(6)) + little(value.bitPattern) }
func gguf(_ value: UInt64) -> [UInt8] { little(UInt32(10)) + little(value) }
func gguf(_ value: Double) -> [UInt8] { little(UInt32(12)) + little(value.bitPattern) }
func gguf(_ text: String) -> [UInt8] { little(UInt32(8)) + counted(text) }
func gguf(_ texts: [String]) -> [UInt8] {
  ggufArray(type: 8, count: UInt64(texts.count), texts.flatMap(counted))
}

/// An array that claims `count` elements of type number `type`.
func ggufArray(type: UInt32, count: UInt64, _ elements: [UInt8]) -> [UInt8] {
  little(UInt32(9)) + little(type) + little(count) + elements
}

/// An array of arrays of arrays …, `depth` deep, with a number innermost.
func nestedArrays(depth: Int) -> [UInt8] {
  let outer = [[UInt8]](repeating: little(UInt32(9)) + little(UInt64(1)), count: depth).joined()
  return little(UInt32(9)) + outer + little(UInt32(4)) + little(UInt64(1)) + little(UInt32(7))
}

/// The text after its length.
func counted(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }

/// The bytes of a number, lowest first.
func little<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
  (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}
