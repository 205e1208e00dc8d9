import ReferenceModel
import Testing

/// One way to break a GGUF file, and words that the error message must contain.
struct BrokenGGUF: Sendable, CustomTestStringConvertible {
  let name: String
  let words: String
  let breaks: @Sendable (inout TinyGGUF) -> Void

  init(_ name: String, says words: String, _ breaks: @escaping @Sendable (inout TinyGGUF) -> Void) {
    (self.name, self.words, self.breaks) = (name, words, breaks)
  }

  var testDescription: String { name }
}

@Suite("Broken GGUF files")
struct BrokenGGUFTests {
  @Test(
    "are refused with a message that names the problem",
    arguments: BrokenGGUF.headers + BrokenGGUF.metadata + BrokenGGUF.lists + BrokenGGUF.models)
  func refused(_ broken: BrokenGGUF) throws {
    var tiny = TinyGGUF()
    broken.breaks(&tiny)
    let text = try #require(try refusal { try openTiny(tiny) }, "it opened")
    #expect(text.contains(broken.words))
  }

  @Test("cut short anywhere, a file is refused")
  func everyTruncation() throws {
    let whole = TinyGGUF(.q4_0).bytes
    // The padding of the last tensor may be missing, but nothing before it.
    let owned = try openTiny(TinyGGUF(.q4_0)).tensors.last?.bytes ?? 0
    let padding = (32 - owned % 32) % 32
    let step = 7
    for length in stride(from: 1, to: whole.count - padding, by: step) {
      var tiny = TinyGGUF(.q4_0)
      tiny.edit = { $0.removeLast($0.count - length) }
      #expect(try refusal { try openTiny(tiny) } != nil, "\(length) of \(whole.count) bytes")
    }
  }

  @Test(
    "types this engine does not compute with are named",
    arguments: [
      (9, "Q8_1"), (10, "Q2_K"), (11, "Q3_K"), (12, "Q4_K"), (13, "Q5_K"), (14, "Q6_K"),
      (16, "IQ2_XXS"), (20, "IQ4_NL"), (23, "IQ4_XS"), (26, "I32"), (28, "F64"), (39, "MXFP4"),
      (4, "unknown ggml type 4"), (UInt32.max, "unknown ggml type 4294967295"),
    ])
  func foreignType(number: UInt32, name: String) throws {
    var tiny = TinyGGUF()
    tiny.change("blk.0.ffn_up.weight") { $0.type = number }
    let text = try #require(try refusal { try openTiny(tiny) }, "it opened")
    #expect(text.contains("\(name) (the type of tensor 'blk.0.ffn_up.weight') is not supported"))
    #expect(text.contains("F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1"))
  }
}

extension BrokenGGUF {
  /// Falsified magic, version, counts and size.
  static let headers = [
    BrokenGGUF("empty file", says: "the file is empty") { $0.edit = { $0 = [] } },
    BrokenGGUF("three bytes", says: "ends inside the GGUF magic") {
      $0.edit = { $0 = [71, 71, 85] }
    },
    BrokenGGUF("another format", says: "does not start with 'GGUF'") {
      $0.magic = Array("ggjt".utf8)
    },
    BrokenGGUF("version 1", says: "GGUF version 1 is not supported") { $0.version = 1 },
    BrokenGGUF("version 4", says: "GGUF version 4 is not supported") { $0.version = 4 },
    BrokenGGUF("version 0", says: "GGUF version 0 is not supported") { $0.version = 0 },
    BrokenGGUF("big-endian", says: "big-endian") { $0.version = UInt32(3).byteSwapped },
    BrokenGGUF("2^64 − 1 tensors", says: "claims 18446744073709551615 tensors") {
      $0.tensorCount = .max
    },
    BrokenGGUF("one tensor more than listed", says: "a tensor has no name") {
      $0.tensorCount = UInt64($0.tensors.count) + 1
    },
    BrokenGGUF("fewer tensors than listed", says: "'output_norm.weight': is missing") {
      $0.tensorCount = UInt64($0.tensors.count) - 2
    },
    BrokenGGUF("2^64 − 1 metadata values", says: "claims 18446744073709551615 metadata values") {
      $0.valueCount = .max
    },
    BrokenGGUF("2^63 metadata values", says: "claims 9223372036854775808 metadata values") {
      $0.valueCount = 1 << 63
    },
  ]

  /// Falsified keys and values.
  static let metadata = [
    BrokenGGUF("key longer than the file", says: "a metadata key claims 1099511627776 bytes") {
      $0.edit = { $0.replaceSubrange(24..<32, with: little(UInt64(1) << 40)) }
    },
    BrokenGGUF("key of 2^64 − 1 bytes", says: "a metadata key claims 18446744073709551615 bytes") {
      $0.edit = { $0.replaceSubrange(24..<32, with: little(UInt64.max)) }
    },
    BrokenGGUF("key above the format's limit", says: "at most 65535 are allowed") {
      $0.set(String(repeating: "k", count: 70_000), gguf(UInt32(1)))
    },
    BrokenGGUF("needed text that is not UTF-8", says: "is text that is not valid UTF-8; it must") {
      $0.set("general.architecture", little(UInt32(8)) + little(UInt64(2)) + [0xC3, 0x28])
    },
    BrokenGGUF("text past the end", says: "metadata 'note' claims 9223372036854775807 bytes") {
      $0.set("note", little(UInt32(8)) + little(UInt64(Int64.max)))
    },
    BrokenGGUF("a key twice", says: "metadata 'llama.block_count' appears twice") {
      $0.values.append(TinyGGUF.value("llama.block_count", gguf(UInt32(1))))
    },
    BrokenGGUF("unknown value type", says: "metadata 'odd' has type 13") {
      $0.set("odd", little(UInt32(13)) + [0, 0, 0, 0])
    },
    BrokenGGUF("needed number as lists", says: "'llama.block_count' is a list of lists") {
      $0.set("llama.block_count", nestedArrays(depth: 2))
    },
    BrokenGGUF("cut inside an array of arrays", says: "elements in metadata 'nest'") {
      $0.set("nest", nestedArrays(depth: 2))
      $0.edit = { bytes in
        // The type, the outer array's head, and half of the head of the array inside.
        let key = bytes.firstRange(of: Array("nest".utf8))?.upperBound ?? 0
        bytes = Array(bytes.prefix(key + 4 + 12 + 6))
      }
    },
    BrokenGGUF("array of 2^60 elements", says: "claims 1152921504606846976 elements in metadata") {
      $0.set("long", ggufArray(type: 4, count: 1 << 60, []))
    },
    BrokenGGUF("array of 2^64 − 1 texts", says: "claims 18446744073709551615 elements") {
      $0.set("long", ggufArray(type: 8, count: .max, []))
    },
    BrokenGGUF("array of unknown type", says: "metadata 'odd' has type 99") {
      $0.set("odd", ggufArray(type: 99, count: 1, [0]))
    },
    BrokenGGUF("needed integer above 2^63", says: "is a number above 9223372036854775807; it must")
    {
      $0.set("llama.block_count", gguf(UInt64.max))
    },
    BrokenGGUF("needed Boolean of 2", says: "is a Boolean with value 2; it must be true or false") {
      $0.set("llama.attention.causal", little(UInt32(7)) + [2])
    },
    BrokenGGUF("alignment 0", says: "general.alignment must be a power of two") {
      $0.set("general.alignment", gguf(UInt32(0)))
    },
    BrokenGGUF("alignment 24", says: "general.alignment must be a power of two") {
      $0.set("general.alignment", gguf(UInt32(24)))
    },
    BrokenGGUF("alignment 2^31", says: "general.alignment must be a power of two") {
      $0.set("general.alignment", gguf(UInt32(1) << 31))
    },
    BrokenGGUF("negative alignment", says: "general.alignment must be a power of two") {
      $0.set("general.alignment", gguf(Int32(-32)))
    },
    BrokenGGUF("alignment as text", says: "general.alignment must be a power of two") {
      $0.set("general.alignment", gguf("32"))
    },
  ]

  /// Falsified lists of tensors.
  static let lists = [
    BrokenGGUF("a tensor twice", says: "tensor 'output_norm.weight': appears twice") {
      $0.tensors.append(TinyGGUF.Tensor("output_norm.weight", [32], .f32))
    },
    BrokenGGUF("name that is not UTF-8", says: "tensor 'blk.0.attn_k.weight': is missing") {
      $0.tensors[3].name = [0x80]
    },
    BrokenGGUF("no axes", says: "its shape [] has no elements") { $0.tensors[1].dimensions = [] },
    BrokenGGUF("five axes", says: "claims 5 axes") { $0.tensors[1].dimensions = [32, 1, 1, 1, 1] },
    BrokenGGUF("an axis of zero", says: "its shape [0, 32] has no elements") {
      $0.tensors[2].dimensions = [32, 0]
    },
    BrokenGGUF("an axis of 2^63", says: "an axis of 9223372036854775808 elements fits no file") {
      $0.tensors[2].dimensions = [32, 1 << 63]
    },
    BrokenGGUF("axes whose product overflows", says: "is larger than any file") {
      $0.tensors[2].dimensions = [1 << 32, 1 << 32, 1 << 32]
    },
    BrokenGGUF("axes past the end of the file", says: "past the end of") {
      $0.tensors[2].dimensions = [32, 1 << 40]
    },
    BrokenGGUF("part of a block", says: "columns must be a multiple of 32") {
      $0.tensors[2].dimensions = [33, 32]
    },
    BrokenGGUF("offset past the end", says: "past the end of") { $0.tensors[2].offset = 1 << 40 },
    BrokenGGUF("offset near 2^64", says: "past the end of") { $0.tensors[2].offset = .max - 31 },
    BrokenGGUF("offset near 2^63", says: "past the end of") {
      $0.tensors[2].offset = UInt64(Int64.max) - 31
    },
    BrokenGGUF("offset between multiples", says: "offset 33 is not a multiple of the alignment 32")
    {
      $0.tensors[2].offset = 33
    },
    BrokenGGUF("two tensors in one place", says: "overlap those of tensor") {
      $0.tensors[3].offset = 0
    },
    BrokenGGUF("last tensor cut", says: "past the end of") { $0.edit = { $0.removeLast(33) } },
  ]
}
