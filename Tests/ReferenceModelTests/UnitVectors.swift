import Foundation
import KVPolicyKit
import ReferenceModel

/// Recorded inputs and results of one rule, without a model.
struct UnitVectors {
  /// The name of the two files, without their endings.
  let file: String

  /// One vector: its fields.
  struct Item {
    let vectors: UnitVectors
    let fields: [String: JSONValue]
    /// The name, with which the names of the vector's tensors begin.
    var name: String { if case .string(let name)? = fields["name"] { name } else { "" } }

    /// One of the vector's tensors.
    func tensor(_ suffix: String) throws -> (shape: [Int], values: [Float]) {
      try vectors.tensor("\(name).\(suffix)")
    }
  }

  /// The vectors, in the file's order.
  func items() throws -> [Item] {
    let path = OracleCase.root + "/units/\(file).json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    guard case .object(let object) = try JSONValue.parse(text) else { return [] }
    return (object["items"]?.list ?? []).compactMap { item in
      if case .object(let fields) = item { Item(vectors: self, fields: fields) } else { nil }
    }
  }

  /// Numbers of a tensor beside the vectors, whole ones as floats.
  func tensor(_ name: String) throws -> (shape: [Int], values: [Float]) {
    let data = try Data(contentsOf: URL(filePath: "\(OracleCase.root)/units/\(file).safetensors"))
    let length = Int(
      data.prefix(8).enumerated().reduce(UInt64(0)) { $0 | UInt64($1.1) << (8 * $1.0) })
    guard
      case .object(let header) = try JSONValue.parse(
        String(decoding: data.dropFirst(8).prefix(length), as: UTF8.self)),
      case .object(let tensor)? = header[name], let shape = tensor["shape"]?.integers,
      let offsets = tensor["data_offsets"]?.integers
    else { throw ModelError.request("no tensor \(name)") }
    let bytes = Array(data.dropFirst(8 + length + offsets[0]).prefix(offsets[1] - offsets[0]))
    if tensor["dtype"] == .string("U8") { return (shape, bytes.map { Float($0) }) }
    let words = stride(from: 0, to: bytes.count, by: 4).map { index in
      (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[index + $1]) << (8 * UInt32($1)) }
    }
    let isWhole = tensor["dtype"] == .string("I32")
    return (
      shape, words.map { isWhole ? Float(Int32(bitPattern: $0)) : Float(bitPattern: $0) }
    )
  }
}
