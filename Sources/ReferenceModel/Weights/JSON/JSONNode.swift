/// A JSON value, as strictly as a model file needs it: whole numbers stay apart from others,
/// a repeated key is an error, and nothing nests deeper than `depthLimit`.
package enum JSONNode: Sendable, Equatable {
  /// `null`
  case null
  /// `true` or `false`
  case bool(Bool)
  /// A number written without fraction and exponent that fits 64 bits.
  case integer(Int64)
  /// Any other number; finite.
  case number(Double)
  /// Text, its escapes resolved.
  case string(String)
  /// A list of values.
  case array([JSONNode])
  /// Values by key.
  case object([String: JSONNode])

  /// How many lists and objects may contain a value.
  package static let depthLimit = 64
  /// The largest file that is read as JSON, in bytes.
  package static let sizeLimit = 32 << 20

  /// Reads the whole of `bytes` as one value; `file` names them in messages.
  package init(parsing bytes: [UInt8], file: String) throws(ModelError) {
    var parser = JSONParser(bytes: bytes, file: file)
    self = try parser.document()
  }

  /// Reads the file at `path`.
  package init(file path: String) throws(ModelError) {
    let file = try MappedFile(path)
    guard file.count <= JSONNode.sizeLimit, let bytes = file.copy(at: 0, bytes: file.count) else {
      throw ModelError.malformed(
        file: path,
        reason: "\(file.count) bytes of JSON; at most \(JSONNode.sizeLimit) are read")
    }
    try self.init(parsing: bytes, file: path)
  }

  /// What kind of value it is, for messages.
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
