extension GGUFFile {
  /// The tensors. A tensor that can be used has a supported type, and an aligned byte range inside
  /// the file.
  func tensors() -> [ListedTensor] {
    entries.map { entry in
      let mayHoldWeights = !entry.dimensions.contains(0) && !GGMLType.isInteger(entry.type)
      return ListedTensor(entry.name, mayHoldWeights: mayHoldWeights) { () throws(ModelError) in
        try tensor(entry)
      }
    }
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

  /// A note about bytes after the last tensor and its padding; nil if there are none, or if the
  /// size of a tensor is unknown.
  func trailingNote(_ tensors: [ListedTensor]) -> String? {
    var end = dataStart
    for (tensor, entry) in zip(tensors, entries) where !entry.dimensions.contains(0) {
      guard case .success(let stored) = tensor.content else { return nil }
      end = max(end, stored.offset + stored.bytes)
    }
    let rest = file.count - (end + alignment - 1) / alignment * alignment
    return rest > 0 ? "\(rest) bytes follow the last tensor and are not read" : nil
  }
}
