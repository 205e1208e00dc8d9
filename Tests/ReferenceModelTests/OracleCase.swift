import Foundation
import KVPolicyKit
import Policies
import Testing

@testable import ReferenceModel

/// A trace of another implementation: what it kept, step by step, and its logits.
struct OracleCase: CustomTestStringConvertible {
  /// The folder with the committed traces.
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Fixtures/oracle").standardizedFileURL.path()

  let name: String
  let file: String
  let isLater: Bool
  var testDescription: String { name }

  /// All committed cases.
  static let all: [OracleCase] = {
    guard let data = FileManager.default.contents(atPath: root + "/index.json"),
      let list = try? JSONDecoder().decode([JSONValue].self, from: data)
    else { return [] }
    return list.compactMap { value in
      guard case .object(let entry) = value, case .string(let name)? = entry["case"],
        case .string(let file)? = entry["file"]
      else { return nil }
      return OracleCase(name: name, file: file, isLater: entry["later"] == true)
    }
  }()

  /// Cases whose name starts with one of these.
  static func named(_ prefixes: String...) -> [OracleCase] {
    all.filter { one in prefixes.contains { one.name.hasPrefix($0) } }
  }

  /// The case's JSON.
  func contents() throws -> [String: JSONValue] {
    let text = try String(contentsOfFile: Self.root + "/" + file, encoding: .utf8)
    guard case .object(let object) = try JSONValue.parse(text) else { return [:] }
    return object
  }

  /// The tensor `logits` beside the case: rows of floats.
  func logits(_ contents: [String: JSONValue]) throws -> [[Float]] {
    let folder = (file as NSString).deletingLastPathComponent
    guard case .string(let name)? = contents["logits_file"] else { return [] }
    let data = try Data(contentsOf: URL(filePath: "\(Self.root)/\(folder)/\(name)"))
    let length = Int(
      data.prefix(8).enumerated().reduce(UInt64(0)) { $0 | UInt64($1.1) << (8 * $1.0) })
    guard
      case .object(let header) = try JSONValue.parse(
        String(decoding: data.dropFirst(8).prefix(length), as: UTF8.self)),
      case .object(let tensor)? = header["logits"], let shape = tensor["shape"]?.integers,
      let offsets = tensor["data_offsets"]?.integers
    else { return [] }
    let bytes = Array(data.dropFirst(8 + length + offsets[0]).prefix(offsets[1] - offsets[0]))
    let values = stride(from: 0, to: bytes.count, by: 4).map { index in
      Float(
        bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[index + $1]) << (8 * UInt32($1)) }
      )
    }
    return (0..<shape[0]).map { Array(values[$0 * shape[1]..<($0 + 1) * shape[1]]) }
  }
}

extension JSONValue {
  /// The value as a list of whole numbers.
  var integers: [Int]? {
    guard case .array(let list) = self else { return nil }
    return list.compactMap { if case .number(let value) = $0 { Int(value) } else { nil } }
  }
  /// The value as a whole number.
  var integer: Int? { if case .number(let value) = self { Int(value) } else { nil } }
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
