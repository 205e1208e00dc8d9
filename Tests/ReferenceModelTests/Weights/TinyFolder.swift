import Foundation
import ReferenceModel

/// A safetensors file, in parts that a test can falsify.
struct TinySafetensors: Sendable {
  struct Tensor: Sendable {
    var name: String
    var dtype = "F32"
    var shape: [Int]
    var data: [UInt8]
    /// The shape to write instead of the true one, as JSON; nil for the true shape.
    var shapeText: String?
    var offsetsText: String?

    /// A tensor whose bytes are all 1.
    init(_ name: String, _ shape: [Int], dtype: String = "F32") {
      self.name = name
      self.shape = shape
      self.dtype = dtype
      data = [UInt8](repeating: 1, count: shape.reduce(dtype == "F32" ? 4 : 2, *))
    }
  }

  var tensors: [Tensor] = []
  /// The length to write instead of the header's true length.
  var headerLength: UInt64?
  /// The header to write instead of the true header.
  var header: [UInt8]?
  /// Text before the header's closing brace.
  var extraMember = #","__metadata__":{"format":"pt"}"#
  /// Bytes after the end of the data.
  var trailing: [UInt8] = []
  /// An edit of the finished bytes.
  var edit: @Sendable (inout [UInt8]) -> Void = { _ in }

  /// The bytes of the file.
  var bytes: [UInt8] {
    var members: [String] = []
    var data: [UInt8] = []
    for tensor in tensors {
      let end = data.count + tensor.data.count
      let offsets = tensor.offsetsText ?? "[\(data.count),\(end)]"
      members.append(
        #""\#(tensor.name)":{"dtype":"\#(tensor.dtype)","shape":\#(tensor.shapeText ?? "\(tensor.shape)"),"#
          + #""data_offsets":\#(offsets)}"#)
      data += tensor.data
    }
    var text = header ?? Array("{\(members.joined(separator: ","))\(extraMember)}".utf8)
    if header == nil { while text.count % 8 != 0 { text.append(0x20) } }
    var file = little(headerLength ?? UInt64(text.count)) + text + data + trailing
    edit(&file)
    return file
  }

  mutating func change(_ name: String, _ change: (inout Tensor) -> Void) {
    for index in tensors.indices where tensors[index].name == name { change(&tensors[index]) }
  }

  mutating func remove(_ name: String) { tensors.removeAll { $0.name == name } }
}

/// A small valid Hugging Face folder, in parts that a test can falsify.
struct TinyFolder: Sendable {
  /// Settings and their JSON text.
  var settings: [String: String] = [
    "model_type": #""llama""#, "hidden_act": #""silu""#, "hidden_size": "32",
    "intermediate_size": "64", "num_hidden_layers": "1", "num_attention_heads": "2",
    "num_key_value_heads": "1", "max_position_embeddings": "128", "rms_norm_eps": "1e-05",
    "vocab_size": "8", "tie_word_embeddings": "false", "bos_token_id": "1", "eos_token_id": "2",
    "rope_theta": "10000.0", "rope_scaling": "null",
  ]
  /// The text of config.json to write instead of the settings.
  var configuration: String?
  var weights = TinySafetensors()
  /// The index of shards; if nil, `weights` are written as one file.
  var index: String?
  var shards: [String: TinySafetensors] = [:]
  /// Files that are left out.
  var missing: Set<String> = []

  /// A model of one layer in `dtype`.
  init(dtype: String = "F32") {
    let layer = "model.layers.0."
    let shapes: [(String, [Int])] = [
      ("model.embed_tokens.weight", [8, 32]),
      (layer + "input_layernorm.weight", [32]),
      (layer + "self_attn.q_proj.weight", [32, 32]),
      (layer + "self_attn.k_proj.weight", [16, 32]),
      (layer + "self_attn.v_proj.weight", [16, 32]),
      (layer + "self_attn.o_proj.weight", [32, 32]),
      (layer + "post_attention_layernorm.weight", [32]),
      (layer + "mlp.gate_proj.weight", [64, 32]),
      (layer + "mlp.up_proj.weight", [64, 32]),
      (layer + "mlp.down_proj.weight", [32, 64]),
      ("model.norm.weight", [32]),
      ("lm_head.weight", [8, 32]),
    ]
    weights.tensors = shapes.map { TinySafetensors.Tensor($0.0, $0.1, dtype: dtype) }
  }

  /// Splits the weights into two shards with a true index.
  mutating func shard() {
    var (first, second) = (weights, weights)
    first.tensors = Array(weights.tensors.prefix(5))
    second.tensors = Array(weights.tensors.dropFirst(5))
    shards = ["model-1.safetensors": first, "model-2.safetensors": second]
    index = TinyFolder.index(shards.mapValues { $0.tensors.map(\.name) })
  }

  /// The index of shards by name.
  static func index(_ shards: [String: [String]]) -> String {
    let lines = shards.sorted { $0.key < $1.key }.flatMap { shard, names in
      names.map { #""\#($0)":"\#(shard)""# }
    }
    return #"{"metadata":{"total_size":1},"weight_map":{\#(lines.joined(separator: ","))}}"#
  }

  /// The text of config.json.
  var configurationText: String {
    configuration ?? "{"
      + settings.sorted { $0.key < $1.key }.map { #""\#($0)":\#($1)"# }.joined(separator: ",") + "}"
  }

  /// Writes the folder's files into `folder`.
  func write(to folder: String) throws {
    var files = ["config.json": Array(configurationText.utf8)]
    if let index {
      files["model.safetensors.index.json"] = Array(index.utf8)
      for (name, shard) in shards { files[name] = shard.bytes }
    } else {
      files["model.safetensors"] = weights.bytes
    }
    for (name, bytes) in files where !missing.contains(name) {
      try writeFile(bytes, to: "\(folder)/\(name)")
    }
  }
}

// MARK: - Places

/// Runs `body` with the path of a new folder that is removed afterwards.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("weights-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(
    atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try body(folder)
}

/// Writes `bytes` as a file.
func writeFile(_ bytes: [UInt8], to path: String) throws {
  try Data(bytes).write(to: URL(fileURLWithPath: path))
}

/// A file or folder among the committed fixtures.
func weightFixture(_ name: String, from file: String = #filePath) -> String {
  URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures/weights/\(name)").path
}

// MARK: - Opening

/// Opens a model from the parts of a GGUF file.
func openTiny(_ model: TinyGGUF) throws -> ModelFiles {
  try withTemporaryFolder { folder in
    try writeFile(model.bytes, to: "\(folder)/tiny.gguf")
    return try ModelFiles.open("\(folder)/tiny.gguf")
  }
}

/// Opens a model from the parts of a Hugging Face folder.
func openTiny(_ model: TinyFolder) throws -> ModelFiles {
  try withTemporaryFolder { folder in
    try model.write(to: folder)
    return try ModelFiles.open(folder)
  }
}

/// The message of the error when `body` is refused; nil if it succeeds.
func refusal(_ body: () throws -> ModelFiles) throws -> String? {
  do {
    _ = try body()
    return nil
  } catch let error as ModelError {
    return error.description
  }
}

/// All matrices of a model with their names.
func matrices(_ weights: LlamaWeights) -> [(name: String, matrix: WeightMatrix)] {
  var all = [("embedding", weights.embedding), ("head", weights.head)]
  for (index, layer) in weights.layers.enumerated() {
    all += [
      ("\(index) query", layer.query), ("\(index) key", layer.key), ("\(index) value", layer.value),
      ("\(index) output", layer.output), ("\(index) gate", layer.gate), ("\(index) up", layer.up),
      ("\(index) down", layer.down),
    ]
  }
  return all
}

/// The elements of `matrix`, matrix row by matrix row, as the reference code expands them.
func dequantised(_ matrix: WeightMatrix) -> [Float] {
  (0..<matrix.rows).flatMap { row in
    unsafe [Float](unsafeUninitializedCapacity: matrix.columns) { buffer, filled in
      guard let start = buffer.baseAddress else { return }
      // The buffer has room for `columns` floats, and `row` is below `rows`.
      unsafe dequantise(row: row, of: matrix, into: start)
      filled = matrix.columns
    }
  }
}
