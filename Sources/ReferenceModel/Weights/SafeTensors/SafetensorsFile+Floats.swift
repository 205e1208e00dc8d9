import KVPolicyKit

/// Writes files of 32-bit floats, and reads files of floats.
extension SafetensorsFile {
  /// The bytes of a file with `tensors`, in the order of the list, and with `metadata` unless it is
  /// empty.
  ///
  /// Equal inputs give equal bytes. Every tensor must have as many values as its shape requires,
  /// and a unique name.
  package static func bytes(
    of tensors: [FloatTensor], metadata: [String: String] = [:]
  ) -> [UInt8] {
    var bytes = header(of: tensors.map { ($0.name, $0.shape) }, metadata: metadata)
    bytes.reserveCapacity(bytes.count + 4 * tensors.reduce(0) { $0 + $1.values.count })
    for tensor in tensors { bytes += RowFormat.f32.bytes(of: tensor.values) }
    return bytes
  }

  /// The bytes before the values: the values of all tensors follow, in the order of the list.
  package static func header(
    of tensors: [(name: String, shape: [Int])], metadata: [String: String] = [:]
  ) -> [UInt8] {
    var members: [String] = []
    if !metadata.isEmpty {
      let values = JSONValue.object(metadata.mapValues { .string($0) })
      members.append(#""__metadata__":\#(values.text)"#)
    }
    var end = 0
    for tensor in tensors {
      let start = end
      end += 4 * tensor.shape.reduce(1, *)
      let shape = tensor.shape.map { "\($0)" }.joined(separator: ",")
      members.append(
        #"\#(JSONValue.string(tensor.name).text):{"dtype":"F32","shape":[\#(shape)],"#
          + #""data_offsets":[\#(start),\#(end)]}"#)
    }
    var header = Array("{\(members.joined(separator: ","))}".utf8)
    // The data starts at a multiple of 8 bytes, so that it is aligned when a reader maps the file.
    while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
    var bytes: [UInt8] = []
    for shift in stride(from: 0, to: 64, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: header.count >> shift))
    }
    return bytes + header
  }

  /// The tensors of the file at `path`, in the order of their data and widened to 32 bits, and the
  /// file's metadata.
  package static func floats(
    at path: String
  ) throws(ModelError) -> (tensors: [FloatTensor], metadata: [String: String]) {
    try floats(in: MappedFile(path))
  }

  /// The tensors of an open file, as ``floats(at:)`` gives them.
  static func floats(
    in file: MappedFile
  ) throws(ModelError) -> (tensors: [FloatTensor], metadata: [String: String]) {
    var list: [FloatTensor] = []
    let stored = try tensors(in: file).map { listed throws(ModelError) in try listed.content.get() }
    for tensor in stored.sorted(by: { $0.offset < $1.offset }) {
      guard let values = try tensor.aligned().floats() else {
        throw .tensor(name: tensor.name, reason: "is stored as \(tensor.type.rawValue), not floats")
      }
      list.append(FloatTensor(tensor.name, shape: tensor.shape, values: values))
    }
    return (list, try metadata(of: file))
  }

  private static func metadata(of file: MappedFile) throws(ModelError) -> [String: String] {
    guard let node = try header(of: file).members["__metadata__"] else { return [:] }
    let problem = ModelError.malformed(
      file: file.path, reason: "its __metadata__ is not an object of texts")
    guard case .object(let members) = node else { throw problem }
    var texts: [String: String] = [:]
    for (key, node) in members {
      guard case .string(let text) = node else { throw problem }
      texts[key] = text
    }
    return texts
  }
}

/// A named list of floats with a shape, as a trainer saves and loads it.
public struct FloatTensor: Sendable, Equatable {
  /// The tensor's name, such as `model.layers.0.mlp.up_proj.weight`.
  public var name: String
  /// Elements along each axis, outermost first: a matrix is `[outputs, inputs]`.
  public var shape: [Int]
  /// The elements in row-major order; their count is the product of `shape`.
  public var values: [Float]

  /// Stores name, shape and values. The user of the tensor checks that shape and values agree.
  public init(_ name: String, shape: [Int], values: [Float]) {
    self.name = name
    self.shape = shape
    self.values = values
  }
}
