extension GGUFFile {
  /// The tensors, with supported types and checked byte ranges: inside the file, aligned, without
  /// overlap, and without data after the last tensor.
  func tensors() throws(ModelError) -> [StoredTensor] {
    var tensors: [StoredTensor] = []
    for entry in entries { tensors.append(try tensor(entry)) }
    try StoredTensor.checkNoOverlap(tensors)
    try checkEnd(tensors)
    return tensors
  }

  private func tensor(_ entry: Entry) throws(ModelError) -> StoredTensor {
    guard let type = GGMLType.tensorType(entry.type) else {
      throw .unsupported(
        what: "\(GGMLType.name(entry.type)) (the type of tensor '\(entry.name)')",
        supported: TensorType.supportedNames)
    }
    var shape: [Int] = []
    for dimension in entry.dimensions.reversed() {
      guard let size = Int(exactly: dimension) else {
        throw .tensor(name: entry.name, reason: "an axis of \(dimension) elements fits no file")
      }
      shape.append(size)
    }
    guard entry.offset % UInt64(alignment) == 0 else {
      throw .tensor(
        name: entry.name,
        reason: "its offset \(entry.offset) is not a multiple of the alignment \(alignment)")
    }
    // An offset that does not fit an `Int` is past the end of any file; `StoredTensor` throws then.
    let relative = Int(exactly: entry.offset) ?? .max
    let (offset, overflow) = dataStart.addingReportingOverflow(relative)
    return try StoredTensor(
      name: entry.name, shape: shape, type: type, file: file, offset: overflow ? .max : offset)
  }

  /// Refuses data after the last tensor: the list of tensors then belongs to other data.
  private func checkEnd(_ tensors: [StoredTensor]) throws(ModelError) {
    let end = tensors.map { $0.offset + $0.bytes }.max() ?? dataStart
    guard file.count - end < alignment else {
      throw .malformed(
        file: file.path,
        reason: "\(file.count - end) bytes follow the last tensor; is it another file's data?")
    }
  }
}
