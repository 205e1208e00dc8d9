/// The header of a GGUF file (versions 2 and 3): its metadata and its list of tensors.
///
/// Layout: magic, version, counts; the metadata; the tensor list; padding; tensor data.
struct GGUFFile {
  /// A tensor as the file lists it, before any check.
  struct Entry {
    /// The tensor's name, unique in the file.
    let name: String
    /// Elements along each axis, innermost first (ggml's order).
    let dimensions: [UInt64]
    /// The type, by ggml's number.
    let type: UInt32
    /// Offset of the first byte from `dataStart`.
    let offset: UInt64
  }

  /// The metadata values by key. A value whose key is not UTF-8 is left out: no reader can ask for
  /// the value.
  let metadata: [String: GGUFValue]
  /// The tensors in the file's order, without tensors whose names are not UTF-8.
  let entries: [Entry]
  /// The file.
  let file: MappedFile
  /// The tensor data and every tensor start at a multiple of `alignment` bytes.
  let alignment: Int
  /// Offset of the tensor data; at most `file.count`, rounded up to the alignment.
  let dataStart: Int

  /// The longest metadata key, in bytes: the format's own limit.
  static let keyLimit = 65_535
  /// The most axes a tensor has in ggml.
  static let axisLimit: UInt32 = 4

  /// Reads the header of `file`.
  init(_ file: MappedFile) throws(ModelError) {
    var cursor = ByteCursor(file)
    try GGUFFile.readVersion(&cursor)
    let tensorCount = try cursor.integer(UInt64.self, of: "the number of tensors")
    // The smallest metadata: a length and one byte of key, a type, one byte of value.
    let valueCount = try cursor.count(of: "metadata values", eachAtLeast: 8 + 1 + 4 + 1)
    let metadata = try GGUFFile.readMetadata(&cursor, count: valueCount)
    entries = try GGUFFile.readEntries(&cursor, count: tensorCount)
    alignment = try GGUFFile.alignment(in: metadata, file: file.path)
    // Both terms are at most the file's size plus 2^20, far below Int.max.
    dataStart = (cursor.offset + alignment - 1) / alignment * alignment
    self.metadata = metadata
    self.file = file
  }

  private static func readVersion(_ cursor: inout ByteCursor) throws(ModelError) {
    let path = cursor.file.path
    guard "GGUF".utf8.starts(with: cursor.file.start(4)) else {
      throw ForeignFile.notGGUF(cursor.file)
    }
    _ = try cursor.integer(UInt32.self, of: "the GGUF magic")
    let version = try cursor.integer(UInt32.self, of: "the GGUF version")
    guard version & 0xFFFF != 0 || version == 0 else {
      throw .unsupported(what: "\(path): big-endian GGUF", supported: "little-endian files")
    }
    guard version == 2 || version == 3 else {
      throw .unsupported(what: "\(path): GGUF version \(version)", supported: "versions 2 and 3")
    }
  }

  private static func readMetadata(
    _ cursor: inout ByteCursor, count: Int
  ) throws(ModelError) -> [String: GGUFValue] {
    var metadata: [String: GGUFValue] = [:]
    for _ in 0..<count {
      let key = try cursor.text(of: "a metadata key", limit: keyLimit)
      let value = try GGUFValue(&cursor, key: key ?? "a key that is not UTF-8")
      guard let key else { continue }
      guard metadata.updateValue(value, forKey: key) == nil else {
        throw .malformed(file: cursor.file.path, reason: "metadata '\(key)' appears twice")
      }
    }
    return metadata
  }

  private static func readEntries(
    _ cursor: inout ByteCursor, count claimed: UInt64
  ) throws(ModelError) -> [Entry] {
    // The smallest entry: a length and one byte of name, a number of axes, one axis, type, offset.
    let possible = cursor.remaining / (8 + 1 + 4 + 8 + 4 + 8)
    guard claimed <= UInt64(possible) else {
      throw .malformed(
        file: cursor.file.path,
        reason: "it claims \(claimed) tensors, but the \(cursor.remaining) bytes left can list "
          + "at most \(possible)")
    }
    var entries: [Entry] = []
    var names: Set<String> = []
    for _ in 0..<Int(claimed) {
      guard let entry = try readEntry(&cursor) else { continue }
      guard names.insert(entry.name).inserted else {
        throw .tensor(name: entry.name, reason: "appears twice in \(cursor.file.path)")
      }
      entries.append(entry)
    }
    return entries
  }

  /// The next entry; nil if the tensor's name is not UTF-8.
  private static func readEntry(_ cursor: inout ByteCursor) throws(ModelError) -> Entry? {
    let given = try cursor.text(of: "a tensor name", limit: keyLimit)
    guard given?.isEmpty != true else {
      throw .malformed(file: cursor.file.path, reason: "a tensor has no name")
    }
    let name = given ?? "a name that is not UTF-8"
    let axes = try cursor.integer(UInt32.self, of: "the axes of tensor '\(name)'")
    guard axes <= axisLimit else {
      throw .tensor(name: name, reason: "claims \(axes) axes; ggml has at most \(axisLimit)")
    }
    var dimensions: [UInt64] = []
    for _ in 0..<axes {
      dimensions.append(try cursor.integer(UInt64.self, of: "the shape of tensor '\(name)'"))
    }
    let type = try cursor.integer(UInt32.self, of: "the type of tensor '\(name)'")
    let offset = try cursor.integer(UInt64.self, of: "the offset of tensor '\(name)'")
    return given.map { Entry(name: $0, dimensions: dimensions, type: type, offset: offset) }
  }

  private static func alignment(
    in metadata: [String: GGUFValue], file: String
  ) throws(ModelError) -> Int {
    switch metadata["general.alignment"] {
    case nil: return 32
    case .integer(let value)
    where value >= 8 && value <= 1 << 20 && value & (value - 1) == 0:
      return Int(value)
    default:
      throw .malformed(
        file: file, reason: "general.alignment must be a power of two from 8 to \(1 << 20)")
    }
  }
}
