import KVPolicyKit
import ReferenceModel
import Testing

/// One way to break a Hugging Face folder, and words that the error message must contain.
struct BrokenFolder: Sendable, CustomTestStringConvertible {
  let name: String
  let words: String
  let breaks: @Sendable (inout TinyFolder) -> Void

  init(
    _ name: String, says words: String, _ breaks: @escaping @Sendable (inout TinyFolder) -> Void
  ) {
    (self.name, self.words, self.breaks) = (name, words, breaks)
  }

  /// A folder in which one setting has another value, as JSON text; nil removes the setting.
  init(setting name: String, _ value: String?, says words: String) {
    self.init("\(name): \(value ?? "absent")", says: words) { $0.settings[name] = value }
  }

  var testDescription: String { name }
}

@Suite("Broken Hugging Face folders")
struct BrokenFolderTests {
  @Test(
    "are refused with a message that names the problem",
    arguments: BrokenFolder.settings + BrokenFolder.texts + BrokenFolder.headers
      + BrokenFolder.tensors + BrokenFolder.indexes)
  func refused(_ broken: BrokenFolder) throws {
    var tiny = TinyFolder()
    broken.breaks(&tiny)
    let text = try #require(try refusal { try openTiny(tiny) }, "it opened")
    #expect(text.contains(broken.words))
  }

  @Test("JSON may nest as deep as the limit and no deeper")
  func nesting() throws {
    func lists(_ depth: Int) throws -> JSONValue {
      let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
      return try JSONValue(parsing: Array(text.utf8), file: "deep.json")
    }
    // The outermost list is at depth 0.
    #expect(throws: Never.self) { try lists(JSONValue.depthLimit + 1) }
    #expect(throws: ModelError.self) { try lists(JSONValue.depthLimit + 2) }
  }

  @Test("cut short anywhere, a safetensors file is refused")
  func everyTruncation() throws {
    let whole = TinyFolder().weights.bytes.count
    let step = 97
    for length in stride(from: 1, to: whole, by: step) {
      var tiny = TinyFolder()
      tiny.weights.edit = { $0.removeLast($0.count - length) }
      #expect(try refusal { try openTiny(tiny) } != nil, "\(length) of \(whole) bytes")
    }
  }

  @Test("cut short anywhere, a config.json is refused")
  func everyConfigurationTruncation() throws {
    let whole = Array(TinyFolder().configurationText.utf8)
    for length in 1..<whole.count {
      #expect(throws: ModelError.self) {
        try JSONValue(parsing: Array(whole.prefix(length)), file: "config.json")
      }
    }
  }
}

extension BrokenFolder {
  /// Falsified headers of safetensors files.
  static let headers = [
    BrokenFolder("empty weights", says: "the file is empty") { $0.weights.edit = { $0 = [] } },
    BrokenFolder("seven bytes", says: "7 bytes cannot hold the length of a header") {
      $0.weights.edit = { $0 = [1, 2, 3, 4, 5, 6, 7] }
    },
    BrokenFolder("header of 2^64 − 1", says: "claims a header of 18446744073709551615 bytes") {
      $0.weights.headerLength = .max
    },
    BrokenFolder("header of 2^63 − 1", says: "claims a header of 9223372036854775807 bytes") {
      $0.weights.headerLength = UInt64(Int64.max)
    },
    BrokenFolder("header one byte too short", says: "(header) is malformed") {
      $0.weights.headerLength = 40
    },
    BrokenFolder("empty header", says: "the JSON text ends too soon") {
      $0.weights.headerLength = 0
    },
    BrokenFolder("list for header", says: "its header is not a JSON object") {
      $0.weights.header = Array("[]".utf8)
    },
    BrokenFolder("deep header", says: "nest deeper than 64") {
      $0.weights.header = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
    },
    BrokenFolder("name that is not UTF-8", says: "a text is not valid UTF-8") {
      $0.weights.header = Array(#"{""#.utf8) + [0xFF] + Array(#"":{}}"#.utf8)
    },
    BrokenFolder("a tensor twice", says: "the key 'lm_head.weight' appears twice") {
      $0.weights.tensors.append(TinySafetensors.Tensor("lm_head.weight", [8, 32]))
    },
    BrokenFolder("bytes of no tensor", says: "bytes that belong to no tensor") {
      $0.weights.trailing = [0]
    },
    BrokenFolder("last byte missing", says: "are not a range in the") {
      $0.weights.edit = { $0.removeLast() }
    },
    BrokenFolder("GGUF under another name", says: "claims a header of") {
      $0.weights.edit = { $0 = TinyGGUF().bytes }
    },
  ]

  /// A folder whose `lm_head.weight`, the last tensor, is changed.
  private static func head(
    _ name: String, says words: String,
    _ change: @escaping @Sendable (inout TinySafetensors.Tensor) -> Void
  ) -> BrokenFolder {
    BrokenFolder(name, says: words) { $0.weights.change("lm_head.weight", change) }
  }

  /// Falsified entries of tensors, and tensors that do not make the model.
  static let tensors = [
    head("dtype F64", says: "F64 (the type of tensor 'lm_head.weight') is not") {
      $0.dtype = "F64"
    },
    head("dtype F8", says: "F8_E4M3 (the type of tensor") { $0.dtype = "F8_E4M3" },
    head("ggml's type", says: "Q8_0 (the type of tensor") { $0.dtype = "Q8_0" },
    head("shape with zero", says: "its shape [0, 32] has no elements") { $0.shapeText = "[0,32]" },
    head("no shape", says: "its shape [] has no elements") { $0.shapeText = "[]" },
    head("negative shape", says: "needs a dtype, a shape of whole numbers") {
      $0.shapeText = "[-8,32]"
    },
    head("fraction in a shape", says: "needs a dtype, a shape of whole numbers") {
      $0.shapeText = "[8.0,32]"
    },
    head("shape as text", says: "needs a dtype, a shape of whole numbers") {
      $0.shapeText = #""8x32""#
    },
    head("shape that overflows", says: "is larger than any file") {
      $0.shapeText = "[4294967296,4294967296]"
    },
    head("shape past the end", says: "past the end of") { $0.shapeText = "[1099511627776,32]" },
    head("shape smaller than the bytes", says: "its shape [4, 32] needs 512") {
      $0.shapeText = "[4,32]"
    },
    BrokenFolder("shape larger than the bytes", says: "its shape [16, 32] needs 2048") {
      $0.weights.change("model.embed_tokens.weight") { $0.shapeText = "[16,32]" }
    },
    head("reversed offsets", says: "are not a range in the") { $0.offsetsText = "[1024,0]" },
    head("offsets past the end", says: "are not a range in the") {
      $0.offsetsText = "[0,9223372036854775807]"
    },
    head("negative offset", says: "two data_offsets") { $0.offsetsText = "[-1024,0]" },
    head("offset above 2^63", says: "two data_offsets") {
      $0.offsetsText = "[18446744073709550592,18446744073709551615]"
    },
    head("three offsets", says: "two data_offsets") { $0.offsetsText = "[0,512,1024]" },
    head("another tensor's place", says: "overlap those of tensor") { $0.offsetsText = "[0,1024]" },
    head("another shape", says: "has shape [32, 8]; the configuration asks for [8, 32]") {
      $0.shape = [32, 8]
    },
    BrokenFolder("no head", says: "tensor 'lm_head.weight': is missing") {
      $0.weights.remove("lm_head.weight")
    },
    BrokenFolder("no norm in a layer", says: "input_layernorm.weight': is missing") {
      $0.weights.remove("model.layers.0.input_layernorm.weight")
    },
    BrokenFolder("bias", says: "'model.layers.0.self_attn.q_proj.bias' (a bias)") {
      $0.weights.tensors.append(.init("model.layers.0.self_attn.q_proj.bias", [32]))
    },
    BrokenFolder("norm of queries", says: "q_norm.weight' (not a part of") {
      $0.weights.tensors.append(.init("model.layers.0.self_attn.q_norm.weight", [16]))
    },
    BrokenFolder("experts", says: "(part of a mixture of experts)") {
      $0.weights.tensors.append(.init("model.layers.0.block_sparse_moe.gate.weight", [8, 32]))
    },
    BrokenFolder("a layer too many", says: "'model.layers.1.mlp.up_proj.weight' (not a part of") {
      $0.weights.tensors.append(.init("model.layers.1.mlp.up_proj.weight", [64, 32]))
    },
    BrokenFolder("norm as matrix", says: "has shape [16, 2]; the configuration asks for [32]") {
      $0.weights.change("model.norm.weight") { $0.shape = [16, 2] }
    },
  ]

  /// A sharded folder whose index is replaced.
  private static func index(_ name: String, _ text: String, says words: String) -> BrokenFolder {
    BrokenFolder(name, says: words) {
      $0.shard()
      $0.index = text
    }
  }

  /// A sharded folder whose index sends one tensor to `file`.
  private static func shard(_ file: String, says words: String) -> BrokenFolder {
    index("shard '\(file)'", #"{"weight_map":{"lm_head.weight":"\#(file)"}}"#, says: words)
  }

  /// Falsified lists of shards.
  static let indexes = [
    index("empty index", "{}", says: "it needs an object 'weight_map'"),
    index("empty map", #"{"weight_map":{}}"#, says: "it needs an object 'weight_map'"),
    index("map as list", #"{"weight_map":[]}"#, says: "it needs an object 'weight_map'"),
    index("number for a file", #"{"weight_map":{"a":3}}"#, says: "is a whole number, not a name"),
    shard("../model-1.safetensors", says: "must be the plain name"),
    shard("/etc/model.safetensors", says: "must be the plain name"),
    shard("sub/model.safetensors", says: "must be the plain name"),
    shard("..", says: "must be the plain name"),
    shard("", says: "must be the plain name"),
    shard(".hidden.safetensors", says: "must be the plain name"),
    shard("model.safetensors.index.json", says: "must be the plain name"),
    shard(#"a\u0000.safetensors"#, says: "must be the plain name"),
    shard("model-1.safetensors", says: "does not list it"),
    BrokenFolder("shard missing", says: "it is not in the folder") {
      $0.shard()
      $0.missing = ["model-2.safetensors"]
    },
    BrokenFolder("tensor in no shard", says: "tensor 'lm_head.weight': is not in model-2") {
      $0.shard()
      $0.shards["model-2.safetensors"]?.remove("lm_head.weight")
    },
    BrokenFolder("tensor in the other shard", says: "says model-1.safetensors") {
      $0.shard()
      $0.index = $0.index?.replacing(
        #""lm_head.weight":"model-2"#, with: #""lm_head.weight":"model-1"#)
    },
    BrokenFolder("tensor in both shards", says: "tensor 'lm_head.weight': appears in more than") {
      $0.shard()
      let head = TinySafetensors.Tensor("lm_head.weight", [8, 32])
      $0.shards["model-1.safetensors"]?.tensors.append(head)
    },
    BrokenFolder("shard cut short", says: "are not a range in the") {
      $0.shard()
      $0.shards["model-2.safetensors"]?.edit = { $0.removeLast(8) }
    },
  ]
}
