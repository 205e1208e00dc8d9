/// One tensor as a model file lists it, for listings.
public struct TensorSummary: Sendable, Equatable {
  /// The tensor's name in the file.
  public let name: String
  /// Elements along each axis, outermost first: a matrix is `[rows, columns]`.
  public let shape: [Int]
  /// How the elements are stored.
  public let type: TensorType
  /// Bytes the tensor takes in the file.
  public let bytes: Int
}

/// A tensor in a mapped file, its byte range checked against the file's size.
@safe struct StoredTensor: Sendable {
  /// The tensor's name in the file.
  let name: String
  /// Elements along each axis, outermost first; each at least 1.
  private(set) var shape: [Int]
  /// How the elements are stored.
  let type: TensorType
  /// The file with the tensor's bytes; keeps the mapping alive.
  let file: MappedFile
  /// Offset of the first byte from the start of the file.
  let offset: Int
  /// Size in bytes: exactly the size of `shape` elements of `type`.
  let bytes: Int

  /// Checks shape and byte range; throws an error that names the tensor and the problem.
  init(
    name: String, shape: [Int], type: TensorType, file: MappedFile, offset: Int
  ) throws(ModelError) {
    guard shape.allSatisfy({ $0 > 0 }), !shape.isEmpty else {
      throw .tensor(name: name, reason: "its shape \(shape) has no elements")
    }
    guard let columns = shape.last, columns % type.blockSize == 0 else {
      throw .tensor(
        name: name,
        reason: "its shape \(shape) does not divide into \(type.rawValue) blocks: "
          + "columns must be a multiple of \(type.blockSize)")
    }
    guard let bytes = type.bytes(shape: shape) else {
      throw .tensor(name: name, reason: "its shape \(shape) is larger than any file")
    }
    guard unsafe file.pointer(at: offset, bytes: bytes) != nil else {
      throw .tensor(
        name: name,
        reason: "needs \(bytes) bytes from byte \(offset) on, past the end of "
          + "\(file.path) (\(file.count) bytes); is the file cut short?")
    }
    self.name = name
    self.shape = shape
    self.type = type
    self.file = file
    self.offset = offset
    self.bytes = bytes
  }

  /// The tensor with another shape; nil unless both shapes are equal apart from axes of one
  /// element, which change neither the number nor the order of the elements.
  func shaped(_ shape: [Int]) -> StoredTensor? {
    guard self.shape.filter({ $0 != 1 }) == shape.filter({ $0 != 1 }),
      let columns = shape.last, columns % type.blockSize == 0
    else { return nil }
    var copy = self
    copy.shape = shape
    return copy
  }

  /// The tensor, copied to memory of its own if its elements are not aligned in the file.
  func aligned() throws(ModelError) -> StoredTensor {
    guard type.blockSize == 1, offset % type.blockBytes != 0 else { return self }
    let copy = try MappedFile(copying: file, from: offset, bytes: bytes)
    return try StoredTensor(name: name, shape: shape, type: type, file: copy, offset: 0)
  }

  /// The tensor as a matrix: all axes but the last are folded into matrix rows.
  var matrix: WeightMatrix? {
    guard let columns = shape.last,
      let address = unsafe file.pointer(at: offset, bytes: bytes)
    else { return nil }
    // The bytes hold exactly `shape` elements (checked in `init`), which is rows × columns.
    return unsafe WeightMatrix(
      type: type, rows: shape.dropLast().reduce(1, *), columns: columns, base: address, owner: file)
  }

  /// All elements widened to 32 bits, in row-major order; nil for a quantised type.
  func floats() -> [Float]? {
    guard type.blockSize == 1, let matrix else { return nil }
    return unsafe [Float](unsafeUninitializedCapacity: matrix.rows * matrix.columns) {
      floats, filled in
      guard let start = floats.baseAddress else { return }
      // The buffer has room for `rows` matrix rows of `columns` floats.
      for row in 0..<matrix.rows {
        unsafe dequantise(row: row, of: matrix, into: start + row * matrix.columns)
      }
      filled = matrix.rows * matrix.columns
    }
  }

  /// The tensor's summary for listings.
  var summary: TensorSummary {
    TensorSummary(name: name, shape: shape, type: type, bytes: bytes)
  }

  /// The tensor's bytes in the file. The sum cannot overflow: `init` proved that the end is inside
  /// the file.
  var range: Range<Int> { offset..<offset + bytes }

  /// Refuses tensors that share bytes. All `tensors` must be in the same file.
  static func checkNoOverlap(
    _ tensors: [(name: String, range: Range<Int>)]
  ) throws(ModelError) {
    // An empty range comes before the range that begins at the same byte.
    let ordered = tensors.sorted {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    for (first, second) in zip(ordered, ordered.dropFirst())
    where first.range.upperBound > second.range.lowerBound {
      throw .tensor(
        name: second.name, reason: "its bytes overlap those of tensor '\(first.name)'")
    }
  }
}

extension TensorType {
  /// Bytes of a tensor of `shape` in this type; nil if the size does not fit an `Int`. The last
  /// axis must be a multiple of `blockSize`.
  func bytes(shape: [Int]) -> Int? {
    var total = blockBytes
    for (axis, size) in shape.enumerated() {
      let factor = axis == shape.count - 1 ? size / blockSize : size
      let (product, overflow) = total.multipliedReportingOverflow(by: factor)
      guard !overflow else { return nil }
      total = product
    }
    return total
  }

  /// The names of all types, for messages.
  static var supportedNames: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
