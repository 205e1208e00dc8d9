import ReferenceModel
import Testing

/// A change of a Hugging Face folder that no reader of the model's weights notices.
struct OddFolder: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let changes: @Sendable (inout TinyFolder) -> Void

  init(_ name: String, _ changes: @escaping @Sendable (inout TinyFolder) -> Void) {
    (testDescription, self.changes) = (name, changes)
  }

  /// A folder with one more tensor.
  init(tensor name: String, shape: String, dtype: String, bytes: Int) {
    self.init("tensor \(name) \(shape), type \(dtype)") {
      var tensor = TinySafetensors.Tensor(name, [], dtype: dtype)
      tensor.shapeText = shape
      tensor.data = [UInt8](repeating: 1, count: bytes)
      $0.weights.tensors.insert(tensor, at: 0)
    }
  }

  /// A sharded folder.
  init(shards name: String, _ changes: @escaping @Sendable (inout TinyFolder) -> Void) {
    self.init(name) {
      $0.shard()
      changes(&$0)
    }
  }
}

@Suite("Hugging Face folders with oddities that stop nothing")
struct OddFolderTests {
  /// A folder whose floats all differ, so that a wrong place shows.
  private static func tiny(_ dtype: String = "F32") -> TinyFolder {
    var tiny = TinyFolder(dtype: dtype)
    for index in tiny.weights.tensors.indices {
      let count = tiny.weights.tensors[index].shape.reduce(1, *)
      tiny.weights.tensors[index].data = (0..<count).flatMap { element -> [UInt8] in
        let value = Float(element + index * 4096)
        return dtype == "F32" ? little(value.bitPattern) : little(Float16(value).bitPattern)
      }
    }
    return tiny
  }

  private func expectSame(_ model: ModelFiles, as sound: ModelFiles) throws {
    #expect(model.configuration == sound.configuration)
    for (one, other) in zip(matrices(model.weights), matrices(sound.weights)) {
      #expect(one.matrix.rows == other.matrix.rows && one.matrix.columns == other.matrix.columns)
      #expect(dequantised(one.matrix) == dequantised(other.matrix), "\(one.name)")
    }
    #expect(model.weights.outputNorm == sound.weights.outputNorm)
    #expect(model.weights.layers.map(\.attentionNorm) == sound.weights.layers.map(\.attentionNorm))
    try model.checkFinite()
  }

  @Test("open with the same model", arguments: OddFolder.tensors + OddFolder.others)
  func opens(_ odd: OddFolder) throws {
    var tiny = OddFolderTests.tiny()
    let sound = try openTiny(tiny)
    odd.changes(&tiny)
    try expectSame(try openTiny(tiny), as: sound)
  }

  @Test(
    "a header of any length opens, and what the kernels read is aligned",
    arguments: ["F32", "F16"], 0..<8)
  func unpadded(dtype: String, spaces: Int) throws {
    var tiny = OddFolderTests.tiny(dtype)
    let sound = try openTiny(tiny)
    tiny.weights.edit = { bytes in
      let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      bytes.insert(contentsOf: [UInt8](repeating: 0x20, count: spaces), at: 8 + length)
      bytes.replaceSubrange(0..<8, with: little(UInt64(length + spaces)))
    }
    let model = try openTiny(tiny)
    try expectSame(model, as: sound)
    for (name, matrix) in matrices(model.weights) {
      #expect(unsafe Int(bitPattern: matrix.base) % matrix.type.blockBytes == 0, "\(name)")
    }
  }

  @Test("tensors beside the model are warned of, tensors without weights are noted")
  func unread() throws {
    var tiny = TinyFolder()
    for name in ["v_head.summary.weight", "a", "b", "c"] {
      tiny.weights.tensors.append(TinySafetensors.Tensor(name, [2]))
    }
    tiny.weights.tensors.append(TinySafetensors.Tensor("model.empty", [0]))
    let model = try openTiny(tiny)
    #expect(model.warnings.count == 1)
    #expect(model.warnings.first?.contains("tensors: 'a', 'b', 'c' and 1 more; the") == true)
    #expect(model.notes == ["not read, without weights: 'model.empty'"])
    #expect(try openTiny(TinyFolder()).warnings.isEmpty)
  }

  @Test(
    "special tokens of −1 mean none", arguments: [("-1", []), ("[2,-1]", [2]), ("4294967295", [])])
  func noToken(_ text: String, _ expected: [Int]) throws {
    var tiny = TinyFolder()
    tiny.settings["eos_token_id"] = text
    tiny.settings["bos_token_id"] = "-1"
    let configuration = try openTiny(tiny).configuration
    #expect(configuration.eosTokens == expected && configuration.bosToken == nil)
  }
}

extension TinyFolder {
  /// Adds a tensor to the index.
  fileprivate mutating func list(_ name: String, in shard: String) {
    let map = #""weight_map":{"#
    index?.replace(map, with: #"\#(map)"\#(name)":"\#(shard)","#)
  }
}

extension OddFolder {
  static let tensors = [
    OddFolder(
      tensor: "model.layers.0.self_attn.rotary_emb.inv_freq", shape: "[0]", dtype: "F32", bytes: 0),
    OddFolder(
      tensor: "model.layers.0.self_attn.rotary_emb.cos_cached", shape: "[1,8]", dtype: "F64",
      bytes: 64),
    OddFolder(tensor: "model.layers.0.self_attn.bias", shape: "[1,8]", dtype: "BOOL", bytes: 8),
    OddFolder(tensor: "model.position_ids", shape: "[1,8]", dtype: "I64", bytes: 64),
    OddFolder(tensor: "model.layers.7.mlp.up_proj.bias", shape: "[0,3]", dtype: "F16", bytes: 0),
    OddFolder(tensor: "v_head.summary.bias", shape: "[]", dtype: "F32", bytes: 4),
    OddFolder(tensor: "other", shape: "[3]", dtype: "F8_E4M3", bytes: 3),
    OddFolder(tensor: "other", shape: "[5]", dtype: "X99", bytes: 8),
    OddFolder(tensor: "other", shape: #""eight""#, dtype: "F32", bytes: 8),
    OddFolder(tensor: "other", shape: "[4294967296,4294967296]", dtype: "F32", bytes: 1),
  ]

  static let others = [
    OddFolder("names without the class") { tiny in
      for index in tiny.weights.tensors.indices {
        tiny.weights.tensors[index].name.replace("model.", with: "")
      }
    },
    OddFolder("axes of one element") { tiny in
      for index in tiny.weights.tensors.indices { tiny.weights.tensors[index].shape += [1, 1] }
    },
    OddFolder("sizes by layer") {
      $0.settings["intermediate_size"] = "[64]"
      $0.settings["num_key_value_heads"] = "[1]"
      $0.settings["num_attention_heads"] = "[2]"
    },
    OddFolder(shards: "an index with a tensor that is in no shard") {
      $0.list("model.x", in: "model-1.safetensors")
    },
    OddFolder(shards: "an index with a shard that is missing and not needed") {
      $0.list("model.x", in: "model-9.safetensors")
    },
    OddFolder(shards: "a tensor that the index lacks") {
      $0.shards["model-1.safetensors"]?.tensors.append(.init("other", [2]))
    },
    OddFolder(shards: "a tensor in another shard than the index says, not needed") {
      $0.shards["model-1.safetensors"]?.tensors.append(.init("other", [2]))
      $0.list("other", in: "model-2.safetensors")
    },
    OddFolder(shards: "a tensor in two shards, not needed") {
      for shard in $0.shards.keys { $0.shards[shard]?.tensors.append(.init("other", [2])) }
    },
  ]
}
