import KVPolicyKit

/// The tensors of a safetensors file.
///
/// Layout: the header's length (64 bits), the header (JSON: name → dtype, shape, data_offsets),
/// then the data, which the tensors cover without gap or overlap. The format's own library refuses
/// gaps, overlaps and trailing bytes, and so does this reader.
package enum SafetensorsFile {
  /// The longest header accepted, in bytes.
  static let headerLimit = JSONValue.sizeLimit

  /// Reads and checks the header of `file`. Type and shape of a tensor are checked for tensors that
  /// the model needs; the data must be covered in any case.
  static func tensors(in file: MappedFile) throws(ModelError) -> [ListedTensor] {
    let (members, dataStart) = try header(of: file)
    var (tensors, ranges): ([ListedTensor], [(name: String, range: Range<Int>)]) = ([], [])
    // Sorted, so that a file with several broken tensors always gives the same error.
    for (name, node) in members.sorted(by: { $0.key < $1.key }) where name != "__metadata__" {
      let entry = try entry(name, node, dataBytes: file.count - dataStart)
      ranges.append((name, entry.range))
      let mayHoldWeights = !entry.range.isEmpty && !isInteger(entry.dtype)
      tensors.append(
        ListedTensor(name, mayHoldWeights: mayHoldWeights) { () throws(ModelError) in
          try tensor(name, entry, file: file, dataStart: dataStart)
        })
    }
    try StoredTensor.checkNoOverlap(ranges)
    // Without overlaps, the sizes add up to the size of the data exactly if there is no gap.
    let owned = ranges.reduce(0) { $0 + $1.range.count }
    guard owned == file.count - dataStart else {
      throw .malformed(
        file: file.path,
        reason: "its tensors own \(owned) of \(file.count - dataStart) bytes of data; "
          + "bytes that belong to no tensor are not allowed")
    }
    return tensors
  }

  /// The header's members, and the offset of the data.
  static func header(
    of file: MappedFile
  ) throws(ModelError) -> (members: [String: JSONValue], dataStart: Int) {
    guard let claimed = file.integer(at: 0, as: UInt64.self) else {
      throw .malformed(
        file: file.path, reason: "\(file.count) bytes cannot hold the length of a header")
    }
    if file.integer(at: 8, as: UInt8.self) != UInt8(ascii: "{"),
      let archive = ForeignFile.archive(file)
    {
      throw .unreadable(path: file.path, reason: "it is \(archive), not a safetensors file")
    }
    guard claimed <= UInt64(file.count - 8), claimed <= UInt64(headerLimit),
      let bytes = file.copy(at: 8, bytes: Int(claimed))
    else {
      throw .malformed(
        file: file.path,
        reason: "it claims a header of \(claimed) bytes; \(file.count - 8) follow, and at most "
          + "\(headerLimit) are read")
    }
    guard case .object(let members) = try JSONValue(parsing: bytes, file: "\(file.path) (header)")
    else {
      throw .malformed(file: file.path, reason: "its header is not a JSON object")
    }
    return (members, 8 + bytes.count)
  }

  /// A tensor's entry in the header; `dtype` and `shape` are nil if they are not of the right kind.
  private typealias Entry = (dtype: String?, shape: [Int]?, range: Range<Int>)

  private static let entryRule =
    "its header entry needs a dtype, a shape of whole numbers and two data_offsets"

  private static func entry(
    _ name: String, _ node: JSONValue, dataBytes: Int
  ) throws(ModelError) -> Entry {
    guard case .object(let members) = node, let ends = naturals(members["data_offsets"]),
      ends.count == 2
    else { throw .tensor(name: name, reason: entryRule) }
    guard ends[0] <= ends[1], ends[1] <= dataBytes else {
      throw .tensor(
        name: name,
        reason: "its data_offsets \(ends) are not a range in the \(dataBytes) bytes of data")
    }
    let dtype: String? = if case .string(let text)? = members["dtype"] { text } else { nil }
    return (dtype, naturals(members["shape"]), ends[0]..<ends[1])
  }

  private static func tensor(
    _ name: String, _ entry: Entry, file: MappedFile, dataStart: Int
  ) throws(ModelError) -> StoredTensor {
    guard let dtype = entry.dtype, let shape = entry.shape else {
      throw .tensor(name: name, reason: entryRule)
    }
    let type = try type(dtype, tensor: name)
    // The sum is at most the file's size (checked in `entry`), so it does not overflow.
    let tensor = try StoredTensor(
      name: name, shape: shape, type: type, file: file,
      offset: dataStart + entry.range.lowerBound)
    guard tensor.bytes == entry.range.count else {
      throw .tensor(
        name: name,
        reason: "its data_offsets hold \(entry.range.count) bytes, its shape \(shape) needs "
          + "\(tensor.bytes)")
    }
    return tensor
  }

  /// Whether a dtype is one of integers or Booleans.
  private static func isInteger(_ dtype: String?) -> Bool {
    ["BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"].contains(dtype)
  }

  private static func type(_ dtype: String, tensor: String) throws(ModelError) -> TensorType {
    guard let type = TensorType(rawValue: dtype), type.blockSize == 1 else {
      throw .unsupported(
        what: "\(dtype) (the type of tensor '\(tensor)')", supported: "F32, F16, BF16")
    }
    return type
  }

  /// A list of non-negative integers; nil for any other value.
  private static func naturals(_ node: JSONValue?) -> [Int]? {
    guard case .array(let elements)? = node else { return nil }
    var numbers: [Int] = []
    for element in elements {
      guard case .integer(let number) = element, number >= 0 else { return nil }
      numbers.append(number)
    }
    return numbers
  }
}
