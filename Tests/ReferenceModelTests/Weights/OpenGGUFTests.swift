import Foundation
import Testing

@testable import ReferenceModel

/// The facts about a tensor that the fixtures' script wrote.
struct Fingerprint: Decodable {
  let shape: [Int]
  let first: UInt32
  let last: UInt32
  let sum: UInt32
  let type: String?

  /// The fingerprints in a fixture, by tensor.
  static func all(_ name: String) throws -> [String: Fingerprint] {
    let data = try Data(contentsOf: URL(fileURLWithPath: weightFixture(name)))
    return try JSONDecoder().decode([String: Fingerprint].self, from: data)
  }

  /// Whether `values` are the values that the script saw.
  func matches(_ values: [Float]) -> Bool {
    let bits = values.map(\.bitPattern)
    return bits.first == first && bits.last == last && bits.reduce(0, &+) == sum
      && values.count == shape.reduce(1, *)
  }
}

/// Every tensor of `model` under the names of `names`, as floats.
func tensorsByName(_ model: ModelFiles, _ names: TensorNames) -> [String: [Float]] {
  let weights = model.weights
  var all = [names.embedding: dequantised(weights.embedding), names.outputNorm: weights.outputNorm]
  all[names.head] = dequantised(weights.head)
  for (index, layer) in weights.layers.enumerated() {
    let name = names.layer(index)
    all[name.attentionNorm] = layer.attentionNorm
    all[name.query] = dequantised(layer.query)
    all[name.key] = dequantised(layer.key)
    all[name.value] = dequantised(layer.value)
    all[name.output] = dequantised(layer.output)
    all[name.feedForwardNorm] = layer.feedForwardNorm
    all[name.gate] = dequantised(layer.gate)
    all[name.up] = dequantised(layer.up)
    all[name.down] = dequantised(layer.down)
    all[name.queryBias] = layer.biases?.query
    all[name.keyBias] = layer.biases?.key
    all[name.valueBias] = layer.biases?.value
    all[name.queryNorm] = layer.headNorms?.query
    all[name.keyNorm] = layer.headNorms?.key
  }
  return all
}

@Suite("Opening GGUF files")
struct OpenGGUFTests {
  @Test("a file by the gguf package, with every tensor type in it, opens with its exact numbers")
  func foreignFile() throws {
    let model = try ModelFiles.open(weightFixture("gguf/mixed.gguf"))
    let expected = try Fingerprint.all("gguf/mixed.json")
    let actual = tensorsByName(model, .gguf)
    #expect(Set(actual.keys) == Set(expected.keys))
    for (name, fingerprint) in expected {
      #expect(fingerprint.matches(try #require(actual[name])), "\(name)")
      let summary = try #require(model.tensors.first { $0.name == name })
      #expect(summary.shape == fingerprint.shape)
      #expect(summary.type.rawValue == fingerprint.type)
    }
    #expect(Set(model.tensors.map(\.type)) == Set(TensorType.allCases))
    try model.checkFinite()
  }

  @Test("a file by the gguf package opens with its configuration and metadata")
  func foreignConfiguration() throws {
    let model = try ModelFiles.open(weightFixture("gguf/mixed.gguf"))
    let rope = RopeConfiguration(
      theta: 500_000, scaling: .none, frequencyFactors: nil, pairing: .interleaved, dimensions: 8)
    let expected = LlamaConfiguration(
      architecture: "llama", layers: 2, hidden: 32, intermediate: 64, queryHeads: 4, keyHeads: 2,
      headDimension: 8, vocabulary: 24, contextLength: 512, normEpsilon: 1e-5, rope: rope,
      tiedEmbedding: false, bosToken: 1, eosTokens: [2, 3])
    #expect(model.configuration == expected)
    #expect(model.kind == .gguf && model.folder == nil)
    #expect(model.metadata["tokenizer.ggml.tokens"] == .strings((0..<24).map { "<\($0)>" }))
    #expect(model.metadata["tokenizer.ggml.scores"] == .floats((0..<24).map { -Float($0) }))
  }

  @Test(
    "versions 2 and 3 open with matrices of every type", arguments: [2, 3], TensorType.allCases)
  func everyType(version: UInt32, type: TensorType) throws {
    var tiny = TinyGGUF(type)
    tiny.version = version
    let model = try openTiny(tiny)
    for (name, matrix) in matrices(model.weights) { #expect(matrix.type == type, "\(name)") }
    #expect(model.weights.layers.count == 1)
    #expect(model.tensors.map(\.bytes) == tiny.tensors.map(\.data.count))
  }

  @Test("norms of 16 bits are widened", arguments: [TensorType.f16, .bf16])
  func shortNorms(_ type: TensorType) throws {
    var tiny = TinyGGUF()
    let one: UInt16 = type == .f16 ? Float16(1).bitPattern : UInt16(Float(1).bitPattern >> 16)
    tiny.change("output_norm.weight") {
      $0 = TinyGGUF.Tensor("output_norm.weight", [TinyGGUF.hidden], type)
      $0.data = (0..<TinyGGUF.hidden).flatMap { _ in little(one) }
    }
    #expect(try openTiny(tiny).weights.outputNorm == [Float](repeating: 1, count: TinyGGUF.hidden))
  }

  @Test("without a head of its own, a model's head is its embedding")
  func tied() throws {
    let model = try openTiny(TinyGGUF(tied: true))
    #expect(model.configuration.tiedEmbedding)
    #expect(unsafe model.weights.head.base == model.weights.embedding.base)
    let apart = try openTiny(TinyGGUF())
    #expect(!apart.configuration.tiedEmbedding)
    #expect(unsafe apart.weights.head.base != apart.weights.embedding.base)
  }

  @Test("another alignment is obeyed", arguments: [8, 64, 4096])
  func otherAlignment(_ alignment: Int) throws {
    var tiny = TinyGGUF()
    tiny.alignment = alignment
    tiny.set("general.alignment", gguf(UInt32(alignment)))
    tiny.change("output_norm.weight") { $0.data = TinyGGUF.hidden.floatBytes }
    #expect(try openTiny(tiny).weights.outputNorm == (0..<TinyGGUF.hidden).map { Float($0) })
  }

  @Test("settings of a factor scale linearly; older files call it scale_linear")
  func linearScaling() throws {
    var tiny = TinyGGUF()
    tiny.set("llama.rope.scaling.type", gguf("linear"))
    tiny.set("llama.rope.scaling.factor", gguf(Float(4)))
    #expect(try openTiny(tiny).configuration.rope.scaling == .linear(factor: 4))
    tiny.set("llama.rope.scaling.type", gguf("none"))
    #expect(try openTiny(tiny).configuration.rope.scaling == .none)
    var old = TinyGGUF()
    old.set("llama.rope.scale_linear", gguf(Float(2)))
    #expect(try openTiny(old).configuration.rope.scaling == .linear(factor: 2))
    #expect(try openTiny(TinyGGUF()).configuration.rope.scaling == .none)
  }

  @Test("rotary factors are read from their tensor")
  func rotaryFactors() throws {
    var tiny = TinyGGUF()
    let pairs = TinyGGUF.headDimension / 2
    var tensor = TinyGGUF.Tensor("rope_freqs.weight", [pairs], .f32)
    tensor.data = (1...pairs).flatMap { little(Float($0).bitPattern) }
    tiny.tensors.append(tensor)
    let factors = try openTiny(tiny).configuration.rope.frequencyFactors
    #expect(factors == (1...pairs).map { Float($0) })
  }

  @Test("what a file may leave out has the usual default")
  func defaults() throws {
    var tiny = TinyGGUF()
    for key in ["llama.attention.head_count_kv", "tokenizer.ggml.bos_token_id"] {
      tiny.remove(key)
    }
    tiny.remove("tokenizer.ggml.eos_token_id")
    for name in ["blk.0.attn_k.weight", "blk.0.attn_v.weight"] {
      tiny.change(name) { $0 = TinyGGUF.Tensor(name, [TinyGGUF.hidden, TinyGGUF.hidden], .q8_0) }
    }
    let configuration = try openTiny(tiny).configuration
    #expect(configuration.keyHeads == configuration.queryHeads)
    #expect(configuration.headDimension == TinyGGUF.hidden / TinyGGUF.heads)
    #expect(configuration.rope.theta == 10_000)
    #expect(configuration.bosToken == nil && configuration.eosTokens.isEmpty)
  }

  @Test("heads may be wider than their share of the stream")
  func wideHeads() throws {
    var tiny = TinyGGUF()
    tiny.set("llama.attention.key_length", gguf(UInt32(32)))
    tiny.set("llama.attention.value_length", gguf(UInt32(32)))
    for (name, shape) in [
      ("attn_q", [64, 32]), ("attn_k", [32, 32]), ("attn_v", [32, 32]), ("attn_output", [32, 64]),
    ] {
      let full = "blk.0.\(name).weight"
      tiny.change(full) { $0 = TinyGGUF.Tensor(full, shape, .q4_0) }
    }
    let model = try openTiny(tiny)
    #expect(model.configuration.headDimension == 32)
    #expect(model.weights.layers[0].query.rows == 64)
  }

  @Test("the architecture mistral reads its own keys")
  func mistral() throws {
    var tiny = TinyGGUF()
    tiny.values = tiny.values.map { key, value in
      (
        Array(String(decoding: key, as: UTF8.self).replacing("llama.", with: "mistral.").utf8),
        value
      )
    }
    tiny.set("general.architecture", gguf("mistral"))
    #expect(try openTiny(tiny).configuration.architecture == "mistral")
  }

  @Test("a folder with exactly one GGUF file opens that file")
  func folderOfOne() throws {
    try withTemporaryFolder { folder in
      try writeFile(TinyGGUF().bytes, to: "\(folder)/a.gguf")
      try writeFile(Array("{}".utf8), to: "\(folder)/config.json")
      #expect(try ModelFiles.open(folder).kind == .gguf)
      try writeFile(TinyGGUF().bytes, to: "\(folder)/b.gguf")
      let text = try refusal { try ModelFiles.open(folder) }
      #expect(text?.contains("found 2: a.gguf, b.gguf") == true)
    }
  }

  @Test("a matrix keeps its file mapped after the model is gone")
  func lifetime() throws {
    var matrix: WeightMatrix?
    do { matrix = try openTiny(TinyGGUF(.f16)).weights.layers[0].gate }
    let values = dequantised(try #require(matrix))
    let expected = Float(Float16(bitPattern: 0x0101))
    #expect(values.allSatisfy { $0 == expected })
  }

  @Test("every number type of the metadata is read, and widened without loss")
  func metadataTypes() throws {
    var tiny = TinyGGUF()
    let values: [(key: String, bytes: [UInt8], value: GGUFValue)] = [
      ("u8", little(UInt32(0)) + [255], .integer(255)),
      ("i8", little(UInt32(1)) + [255], .integer(-1)),
      ("u16", little(UInt32(2)) + [255, 255], .integer(65_535)),
      ("i16", little(UInt32(3)) + [254, 255], .integer(-2)),
      ("i32", gguf(Int32.min), .integer(Int64(Int32.min))),
      ("bool", little(UInt32(7)) + [1], .bool(true)),
      ("u64", gguf(UInt64(Int64.max)), .integer(.max)),
      ("i64", little(UInt32(11)) + little(Int64.min), .integer(.min)),
      ("f64", gguf(0.1), .float(0.1)),
      ("f32s", ggufArray(type: 6, count: 1, little(Float(0.5).bitPattern)), .floats([0.5])),
      ("bools", ggufArray(type: 7, count: 2, [1, 0]), .integers([1, 0])),
      ("none", ggufArray(type: 8, count: 0, []), .strings([])),
    ]
    for (key, bytes, _) in values { tiny.set(key, bytes) }
    let metadata = try openTiny(tiny).metadata
    for (key, _, value) in values { #expect(metadata[key] == value, "\(key)") }
  }
}

extension Int {
  /// The bytes of the floats 0, 1, …, below this number.
  fileprivate var floatBytes: [UInt8] { (0..<self).flatMap { little(Float($0).bitPattern) } }
}
