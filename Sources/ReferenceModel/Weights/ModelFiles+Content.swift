extension ModelFiles {
  /// SHA-256, in hexadecimal digits, of the tensors that the model computes with, as they are
  /// stored: names, shapes, types and bytes.
  ///
  /// Two quantisations of a model have different digests; a copy of a file has the same. Takes
  /// about as long as reading the files.
  package var contentDigest: String {
    let lines = needed.map { tensor in
      "\(tensor.name) \(tensor.shape) \(tensor.type.rawValue) "
        + SHA256.hexadecimal(of: tensor.contents) + "\n"
    }
    return SHA256.hexadecimal(of: Array(lines.joined().utf8))
  }
}

extension StoredTensor {
  /// A copy of the tensor's bytes.
  fileprivate var contents: [UInt8] {
    guard let start = unsafe file.pointer(at: offset, bytes: bytes) else { return [] }
    // `pointer` checked that `bytes` bytes begin there, and `file` keeps them alive.
    return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: bytes))
  }
}
