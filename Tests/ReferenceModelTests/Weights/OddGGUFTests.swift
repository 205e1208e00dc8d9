import Testing

@testable import ReferenceModel

/// A change of a GGUF file that no reader of the model's weights notices.
struct OddGGUF: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let changes: @Sendable (inout TinyGGUF) -> Void

  init(_ name: String, _ changes: @escaping @Sendable (inout TinyGGUF) -> Void) {
    (testDescription, self.changes) = (name, changes)
  }

  /// A file with one more tensor, before the model's own.
  init(tensor name: String, _ shape: [Int], _ type: TensorType = .f32, number: UInt32? = nil) {
    self.init("tensor \(name) \(shape), type \(number.map { "\($0)" } ?? type.rawValue)") {
      var tensor = TinyGGUF.Tensor(name, shape, type)
      tensor.type = number ?? tensor.type
      $0.tensors.insert(tensor, at: 0)
    }
  }
}

@Suite("GGUF files with oddities that stop nothing")
struct OddGGUFTests {
  @Test("open with the same model", arguments: OddGGUF.metadata + OddGGUF.tensors)
  func opens(_ odd: OddGGUF) throws {
    let sound = try openTiny(TinyGGUF())
    var tiny = TinyGGUF()
    odd.changes(&tiny)
    let model = try openTiny(tiny)
    #expect(model.configuration == sound.configuration)
    let (actual, expected) = (matrices(model.weights), matrices(sound.weights))
    for (one, other) in zip(actual, expected) {
      #expect(one.matrix.rows == other.matrix.rows && one.matrix.columns == other.matrix.columns)
      #expect(dequantised(one.matrix) == dequantised(other.matrix), "\(one.name)")
    }
    #expect(model.weights.outputNorm == sound.weights.outputNorm)
    try model.checkFinite()
  }

  @Test("trailing bytes are noted, padding is not", arguments: [0, 1, 32, 64, 100_000])
  func trailing(_ count: Int) throws {
    var tiny = TinyGGUF()
    tiny.trailing = [UInt8](repeating: 7, count: count)
    let model = try openTiny(tiny)
    let note = "\(count) bytes follow the last tensor and are not read"
    // The file's last tensor ends in the middle of a unit of alignment, and padding follows.
    #expect(model.notes == (count == 0 ? [] : [note]) && model.warnings.isEmpty)
  }

  @Test("tensors beside the model are warned of, tensors without weights are noted")
  func unread() throws {
    var tiny = TinyGGUF()
    tiny.tensors.append(TinyGGUF.Tensor("v_head\u{1B}[2J\n.weight", [32], .f32))
    tiny.tensors.append(TinyGGUF.Tensor("blk.0.attn_mask", [0], .f32))
    let model = try openTiny(tiny)
    let shown = #"not read, beside the model's own tensors: 'v_head\u{1B}[2J\n.weight'; the"#
    #expect(model.warnings.count == 1 && model.warnings[0].hasPrefix(shown), "\(model.warnings)")
    #expect(model.notes == ["not read, without weights: 'blk.0.attn_mask'"])
    #expect(model.tensors.contains { $0.name.hasPrefix("v_head") })
  }

  @Test("no pre-tokenizer's name, or an empty one, is warned of", arguments: [nil, "", "smollm"])
  func unnamedRule(_ name: String?) throws {
    var tiny = TinyGGUF()
    tiny.set("tokenizer.ggml.model", gguf("gpt2"))
    if let name { tiny.set("tokenizer.ggml.pre", gguf(name)) }
    let warnings = try openTiny(tiny).warnings
    #expect(warnings.count == (name == "smollm" ? 0 : 1))
    #expect(warnings.allSatisfy { $0.contains("does not name its pre-tokenizer") })
    #expect(try openTiny(TinyGGUF()).warnings.isEmpty, "another kind of tokenizer has no such rule")
  }

  @Test(
    "a special token of −1 means none, whatever type it is stored in",
    arguments: [gguf(UInt32.max), gguf(Int32(-1)), little(UInt32(11)) + little(Int64(-1))])
  func noToken(_ value: [UInt8]) throws {
    var tiny = TinyGGUF()
    for name in ["bos", "eos", "eot"] { tiny.set("tokenizer.ggml.\(name)_token_id", value) }
    let configuration = try openTiny(tiny).configuration
    #expect(configuration.bosToken == nil && configuration.eosTokens.isEmpty)
  }
}

extension OddGGUF {
  /// An array of the numbers `values`, one for each layer.
  private static func list(_ values: Int...) -> [UInt8] {
    ggufArray(type: 4, count: UInt64(values.count), values.flatMap { little(UInt32($0)) })
  }

  static let metadata = [
    OddGGUF("key that is not UTF-8") { $0.values.append(([0xFF, 0xFE], gguf(UInt32(1)))) },
    OddGGUF("two equal keys that are not UTF-8") {
      for _ in 0..<2 { $0.values.insert(([0xFF], gguf("text")), at: 0) }
    },
    OddGGUF("text that is not UTF-8") {
      $0.set("note", little(UInt32(8)) + little(UInt64(2)) + [0xC3, 0x28])
    },
    OddGGUF("texts that are not UTF-8") {
      let texts = counted("a") + little(UInt64(1)) + [0x80]
      $0.set("notes", ggufArray(type: 8, count: 2, texts))
    },
    OddGGUF("Boolean of 2") { $0.set("flag", little(UInt32(7)) + [2]) },
    OddGGUF("Booleans of 255") { $0.set("flags", ggufArray(type: 7, count: 2, [255, 2])) },
    OddGGUF("integer of 2^64 − 1") { $0.set("big", gguf(UInt64.max)) },
    OddGGUF("integers of 2^64 − 1") {
      $0.set("big", ggufArray(type: 10, count: 2, little(UInt64(1)) + little(UInt64.max)))
    },
    OddGGUF("not a number") { $0.set("odd", gguf(Double.nan)) },
    OddGGUF("infinite list") {
      $0.set("odd", ggufArray(type: 6, count: 1, little(Float.infinity.bitPattern)))
    },
    OddGGUF("array of arrays") { $0.set("nest", nestedArrays(depth: 1)) },
    OddGGUF("arrays nested 100,000 deep") { $0.set("nest", nestedArrays(depth: 100_000)) },
    OddGGUF("array of arrays of texts") {
      let texts = little(UInt32(8)) + little(UInt64(2)) + counted("a") + counted("b")
      $0.set("nest", ggufArray(type: 9, count: 2, texts + texts))
    },
    OddGGUF("array of no arrays") { $0.set("nest", ggufArray(type: 9, count: 0, [])) },
    OddGGUF("array above the limit") {
      let count = GGUFValue.arrayLimit + 1
      $0.set("long", ggufArray(type: 0, count: UInt64(count), [UInt8](repeating: 1, count: count)))
    },
    OddGGUF("sizes by layer") {
      $0.set("llama.attention.head_count", list(TinyGGUF.heads))
      $0.set("llama.attention.head_count_kv", list(TinyGGUF.keyHeads))
      $0.set("llama.feed_forward_length", list(TinyGGUF.intermediate))
    },
  ]

  static let tensors = [
    OddGGUF(tensor: "v_head.weight", [32]), OddGGUF(tensor: "v_head.bias", [1]),
    OddGGUF(tensor: "other", [64], number: 99), OddGGUF(tensor: "other", [64], number: .max),
    OddGGUF(tensor: "other", [64], number: 14), OddGGUF(tensor: "other", [33, 32], number: 8),
    OddGGUF(tensor: "other", []), OddGGUF(tensor: "other", [0]),
    OddGGUF(tensor: "blk.0.attn_q.bias", [0, 4]), OddGGUF(tensor: "blk.0.mask", [4], number: 26),
    OddGGUF(tensor: "blk.0.attn_rot_embd", [16]),
    OddGGUF("a name that is not UTF-8") {
      for _ in 0..<2 {
        var tensor = TinyGGUF.Tensor("x", [32], .f32)
        tensor.name = [0xFF]
        $0.tensors.insert(tensor, at: 0)
      }
    },
    OddGGUF("an offset past the end") {
      var tensor = TinyGGUF.Tensor("other", [32], .f32)
      tensor.offset = .max - 31
      $0.tensors.append(tensor)
    },
    OddGGUF("axes of one element") { tiny in
      for index in tiny.tensors.indices { tiny.tensors[index].dimensions += [1, 1] }
    },
  ]
}
