import Foundation
import KVPolicyKit
import ReferenceModel
import Testing

/// The locations of the fixtures, and their decoding.
enum TokenizerFixtures {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  static let folder = root.appending(path: "Tests/Fixtures/tokenizer")

  /// The names of the pre-tokenization rules that the small vocabulary is used with.
  static let rules = ["gpt2", "smollm", "llama-bpe", "qwen2"]

  /// A string and its ids for each tokenizer: with special tokens, and without them if the ids
  /// differ.
  struct Case: Decodable {
    var text: String
    var smollm2: [[Int]]
    var small: [String: [[Int]]]

    private struct Key: CodingKey {
      var stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: Key.self)
      text = try values.decode(String.self, forKey: Key(stringValue: "text"))
      smollm2 = try values.decode([[Int]].self, forKey: Key(stringValue: "smollm2"))
      small = [:]
      for rule in rules {
        small[rule] = try values.decode([[Int]].self, forKey: Key(stringValue: rule))
      }
    }
  }

  /// Bytes that are not valid text, the ids of their lossy decoding and, for some rules, the ids of
  /// the bytes themselves.
  struct ByteCase: Decodable {
    var hex: String
    var lossy: [String: [Int]]
    var raw: [String: [Int]]

    var bytes: [UInt8] {
      stride(from: 0, to: hex.count, by: 2).compactMap {
        UInt8(hex.dropFirst($0).prefix(2), radix: 16)
      }
    }
  }

  static func lines<Line: Decodable>(_ name: String, as type: Line.Type) throws -> [Line] {
    let data = try Data(contentsOf: folder.appending(path: name))
    return try data.split(separator: UInt8(ascii: "\n")).map {
      try JSONDecoder().decode(Line.self, from: $0)
    }
  }

  static func cases() throws -> [Case] { try lines("strings.jsonl", as: Case.self) }

  /// The small vocabulary under one rule, from its `tokenizer.json`.
  static func small(_ rule: String) throws -> Tokenizer {
    try Tokenizer(folder: folder.appending(path: "small/\(rule)").path)
  }

  /// The small vocabulary as GGUF metadata, without the rule.
  static func metadata() throws -> [String: GGUFValue] {
    let path = folder.appending(path: "small/metadata.json").path
    guard case .object(let members) = try JSONValue(file: path) else { return [:] }
    return members.compactMapValues(value)
  }

  private static func value(_ node: JSONValue) -> GGUFValue? {
    switch node {
    case .string(let text): return .string(text)
    case .integer(let number): return .integer(Int64(number))
    case .bool(let flag): return .bool(flag)
    case .array(let list):
      let texts = list.compactMap { if case .string(let text) = $0 { text } else { nil } }
      let numbers = list.compactMap(\.wholeNumber).map { Int64($0) }
      return texts.count == list.count ? .strings(texts) : .integers(numbers)
    default: return nil
    }
  }

  /// Writes the files to a new folder, hands it to `body`, and removes it.
  @discardableResult
  static func withFolder<Result>(
    _ files: [String: String], _ body: (String) throws -> Result
  ) throws -> Result {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "tokenizer-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
    return try body(folder.path)
  }

  /// The first GGUF file in the package's Models folder, which is not part of the repository.
  static let modelFile: String? = {
    let models = root.appending(path: "Models").path
    let files = (try? FileManager.default.contentsOfDirectory(atPath: models)) ?? []
    return files.sorted().first { $0.hasPrefix("SmolLM2") && $0.hasSuffix(".gguf") }
      .map { models + "/" + $0 }
  }()
}

/// A small seeded generator (SplitMix64), so that a failing property can be repeated.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
