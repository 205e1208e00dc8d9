import Foundation
import ReferenceModel

/// Reads only the metadata of a valid GGUF file, to test a tokenizer on a real vocabulary without
/// the engine's own reader.
struct MetadataReader {
  struct Unexpected: Error {}

  private let data: Data
  private var position = 0

  static func metadata(of path: String) throws -> [String: GGUFValue] {
    var reader = MetadataReader(
      data: try Data(contentsOf: URL(filePath: path), options: .alwaysMapped))
    guard try reader.bytes(4).elementsEqual("GGUF".utf8) else { throw Unexpected() }
    _ = try reader.number(4)
    _ = try reader.number(8)
    var values: [String: GGUFValue] = [:]
    for _ in 0..<(try reader.number(8)) {
      let key = try reader.text()
      let type = try reader.number(4)
      if let value = try reader.value(type) { values[key] = value }
    }
    return values
  }

  private init(data: Data) { self.data = data }

  private mutating func bytes(_ count: Int) throws -> Data {
    guard count >= 0, data.count - position >= count else { throw Unexpected() }
    defer { position += count }
    return data[position..<position + count]
  }

  private mutating func number(_ size: Int) throws -> Int {
    let value = try bytes(size).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Int(truncatingIfNeeded: value)
  }

  private mutating func text() throws -> String {
    String(decoding: try bytes(try number(8)), as: UTF8.self)
  }

  private static let sizes = [0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8]

  private mutating func value(_ type: Int) throws -> GGUFValue? {
    switch type {
    case 7: return .bool(try number(1) != 0)
    case 8: return .string(try text())
    case 9:
      let (type, count) = (try number(4), try number(8))
      if type == 8 { return .strings(try (0..<count).map { _ in try text() }) }
      guard let size = MetadataReader.sizes[type] else { throw Unexpected() }
      return .integers(try (0..<count).map { _ in Int64(try number(size)) })
    case 6, 12:
      _ = try number(type == 6 ? 4 : 8)
      return nil
    default:
      guard let size = MetadataReader.sizes[type] else { throw Unexpected() }
      return .integer(Int64(try number(size)))
    }
  }
}
