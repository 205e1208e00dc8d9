import Foundation
import KVPolicyKit
import Policies
import ReferenceModel
import Testing

/// A recorded run: the rows kept, step by step, and the vocabulary logits.
struct OracleCase: CustomTestStringConvertible {
  /// The program that produced the recording.
  enum Origin: String {
    /// The published implementation was executed.
    case published
    /// Our own reference in double precision was executed, for settings that no published code
    /// offers.
    case reference
  }

  /// The folder with the committed traces.
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Fixtures/oracle").standardizedFileURL.path()

  let name: String
  let file: String
  let origin: Origin
  /// The policy's configuration, if the trace itself has none.
  let configurationBeside: JSONValue?
  var testDescription: String { name }

  /// All committed cases.
  static let all: [OracleCase] = {
    guard let data = FileManager.default.contents(atPath: root + "/index.json"),
      let list = try? JSONDecoder().decode([JSONValue].self, from: data)
    else { return [] }
    return list.compactMap { value in
      guard case .object(let entry) = value, case .string(let name)? = entry["case"],
        case .string(let file)? = entry["file"], case .string(let word)? = entry["origin"],
        let origin = Origin(rawValue: word)
      else { return nil }
      return OracleCase(
        name: name, file: file, origin: origin, configurationBeside: entry["configuration"])
    }
  }()

  /// Cases whose name starts with one of these prefixes.
  static func named(_ prefixes: String...) -> [OracleCase] {
    all.filter { one in prefixes.contains { one.name.hasPrefix($0) } }
  }

  /// The case's JSON.
  func contents() throws -> [String: JSONValue] {
    let text = try String(contentsOfFile: Self.root + "/" + file, encoding: .utf8)
    guard case .object(let object) = try JSONValue.parse(text) else { return [:] }
    return object
  }

  /// The policy's configuration that must reproduce the trace.
  func configuration(_ contents: [String: JSONValue]) throws -> PolicyConfiguration {
    let configuration = try PolicyConfiguration(
      try #require(configurationBeside ?? contents["config"]))
    var registry = PolicyRegistry.all
    registry.artifacts = ArtifactFiles()
    let folder = "\(Self.root)/\((file as NSString).deletingLastPathComponent)"
    return try configuration.locatingArtifacts(registry, from: folder).configuration
  }

  /// The tensor `logits` beside the case: rows of floats.
  func logits(_ contents: [String: JSONValue]) throws -> [[Float]] {
    try tensor("logits", contents)
  }

  /// A tensor beside the case, cut into rows along its last dimension.
  func tensor(_ name: String, _ contents: [String: JSONValue]) throws -> [[Float]] {
    let folder = (file as NSString).deletingLastPathComponent
    guard case .string(let path)? = contents["logits_file"] else { return [] }
    let data = try Data(contentsOf: URL(filePath: "\(Self.root)/\(folder)/\(path)"))
    let length = Int(
      data.prefix(8).enumerated().reduce(UInt64(0)) { $0 | UInt64($1.1) << (8 * $1.0) })
    guard
      case .object(let header) = try JSONValue.parse(
        String(decoding: data.dropFirst(8).prefix(length), as: UTF8.self)),
      case .object(let tensor)? = header[name], let width = tensor["shape"]?.integers?.last,
      let offsets = tensor["data_offsets"]?.integers
    else { return [] }
    let bytes = Array(data.dropFirst(8 + length + offsets[0]).prefix(offsets[1] - offsets[0]))
    let values = stride(from: 0, to: bytes.count, by: 4).map { index in
      Float(
        bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[index + $1]) << (8 * UInt32($1)) }
      )
    }
    return stride(from: 0, to: values.count, by: width).map { Array(values[$0..<$0 + width]) }
  }
}

extension JSONValue {
  /// The value as a list of integers.
  var integers: [Int]? {
    guard case .array(let list) = self else { return nil }
    return list.compactMap(\.wholeNumber)
  }
  /// The value as a list.
  var list: [JSONValue] { if case .array(let list) = self { list } else { [] } }
}

/// Loads each model once.
enum OracleModels {
  static func load(_ contents: [String: JSONValue]) throws -> LlamaModel {
    guard case .string(let path)? = contents["model"] else { throw ModelError.request("no model") }
    return LlamaModel(try ModelFiles.open(OracleCase.root + "/" + path))
  }
}
