/// A JSON value, parsed as strictly as a model file requires: integers stay apart from other
/// numbers, a repeated key is an error, and nesting is limited to `depthLimit`.
package enum JSONNode: Sendable, Equatable {
  /// `null`
  case null
  /// `true` or `false`
  case bool(Bool)
  /// A number written without fraction and exponent that fits 64 bits.
  case integer(Int64)
  /// Any other number; finite.
  case number(Double)
  /// Text with its escapes resolved.
  case string(String)
  /// A list of values.
  case array([JSONNode])
  /// Values by key.
  case object([String: JSONNode])

  /// The deepest nesting: how many lists and objects may enclose a value.
  package static let depthLimit = 64
  /// The largest JSON file that is read, in bytes.
  package static let sizeLimit = 32 << 20

  /// Parses all of `bytes` as one value; messages name `file` as the source.
  package init(parsing bytes: [UInt8], file: String) throws(ModelError) {
    var parser = JSONParser(bytes: bytes, file: file)
    self = try parser.document()
  }

  /// Parses the file at `path`.
  package init(file path: String) throws(ModelError) {
    let file = try MappedFile(path)
    guard file.count <= JSONNode.sizeLimit, let bytes = file.copy(at: 0, bytes: file.count) else {
      throw ModelError.malformed(
        file: path,
        reason: "\(file.count) bytes of JSON; at most \(JSONNode.sizeLimit) are read")
    }
    try self.init(parsing: bytes, file: path)
  }

  /// The kind of the value, for messages.
  package var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a Boolean"
    case .integer: "a whole number"
    case .number: "a number"
    case .string: "text"
    case .array: "a list"
    case .object: "an object"
    }
  }
}
