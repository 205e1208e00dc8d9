package import KVPolicyKit

/// JSON of model files; every error names the file.
extension JSONValue {
  /// The largest JSON file that is read, in bytes.
  package static let sizeLimit = 32 << 20

  /// Parses all of `bytes` as one value; messages name `file` as the source.
  package init(parsing bytes: [UInt8], file: String) throws(ModelError) {
    do throws(JSONError) {
      self = try JSONValue.parse(bytes)
    } catch {
      throw .malformed(file: file, reason: "\(error)")
    }
  }

  /// Parses the file at `path`.
  package init(file path: String) throws(ModelError) {
    let file = try MappedFile(path)
    guard file.count <= JSONValue.sizeLimit, let bytes = file.copy(at: 0, bytes: file.count) else {
      throw ModelError.malformed(
        file: path,
        reason: "\(file.count) bytes of JSON; at most \(JSONValue.sizeLimit) are read")
    }
    try self.init(parsing: bytes, file: path)
  }
}
