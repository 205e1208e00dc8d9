import KVPolicyKit

/// The tensors of a safetensors file.
///
/// Layout: the header's length (64 bits), the header (JSON: name → dtype, shape, data_offsets),
/// then the data, which the tensors cover without gap or overlap.
package enum SafetensorsFile {
  /// The longest header accepted, in bytes.
  static let headerLimit = JSONValue.sizeLimit

  /// Reads and checks the header of `file`.
  static func tensors(in file: MappedFile) throws(ModelError) -> [StoredTensor] {
    let (members, dataStart) = try header(of: file)
    var tensors: [StoredTensor] = []
    // Sorted, so that a file with several broken tensors always gives the same error.
    for (name, node) in members.sorted(by: { $0.key < $1.key }) where name != "__metadata__" {
      tensors.append(try tensor(name, node, file: file, dataStart: dataStart))
    }
    try StoredTensor.checkNoOverlap(tensors)
    // Without overlaps, the sizes add up to the size of the data exactly if there is no gap.
    let owned = tensors.reduce(0) { $0 + $1.bytes }
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

  private static func tensor(
    _ name: String, _ node: JSONValue, file: MappedFile, dataStart: Int
  ) throws(ModelError) -> StoredTensor {
    guard case .object(let members) = node, case .string(let dtype)? = members["dtype"],
      let shape = naturals(members["shape"]), let range = naturals(members["data_offsets"]),
      range.count == 2
    else {
      throw .tensor(
        name: name,
        reason: "its header entry needs a dtype, a shape of whole numbers and two data_offsets")
    }
    let type = try type(dtype, tensor: name)
    guard range[0] <= range[1], range[1] <= file.count - dataStart else {
      throw .tensor(
        name: name,
        reason: "its data_offsets \(range) are not a range in the \(file.count - dataStart) "
          + "bytes of data")
    }
    // The sum is at most the file's size (checked above), so it does not overflow.
    let offset = dataStart + range[0]
    let tensor = try StoredTensor(
      name: name, shape: shape, type: type, file: file, offset: offset)
    guard tensor.bytes == range[1] - range[0] else {
      throw .tensor(
        name: name,
        reason: "its data_offsets \(range) hold \(range[1] - range[0]) bytes, its shape \(shape) "
          + "needs \(tensor.bytes)")
    }
    guard offset % type.blockBytes == 0 else {
      throw .tensor(
        name: name,
        reason: "starts at byte \(offset), not a multiple of \(type.blockBytes); save the file "
          + "again with a current safetensors library")
    }
    return tensor
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
