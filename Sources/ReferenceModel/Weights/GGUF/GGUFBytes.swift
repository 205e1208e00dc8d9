/// Builds a GGUF file (version 3): header, metadata, list of tensors, then the tensors' data, each
/// tensor at a multiple of 32 bytes.
package struct GGUFBytes {
  private static let alignment = 32
  private var metadata: [UInt8] = []
  private var list: [UInt8] = []
  private var data: [UInt8] = []
  private var (valueCount, tensorCount) = (0, 0)

  /// Starts a file without metadata and tensors.
  package init() {}

  /// Adds a metadata value. Numbers are stored in 32 bits, as readers expect for a model's keys.
  /// Integers are unsigned as single values and signed in lists.
  package mutating func add(_ key: String, _ value: GGUFValue) {
    valueCount += 1
    put(key, to: &metadata)
    switch value {
    case .integer(let integer): write(.uint32, UInt32(truncatingIfNeeded: integer))
    case .float(let float): write(.float32, Float(float).bitPattern)
    case .bool(let bool): write(.bool, UInt8(bool ? 1 : 0))
    case .string(let text):
      put(GGUFKind.string.rawValue, to: &metadata)
      put(text, to: &metadata)
    case .strings(let texts):
      writeArray(.string, count: texts.count)
      for text in texts { put(text, to: &metadata) }
    case .integers(let integers):
      writeArray(.int32, count: integers.count)
      for integer in integers { put(Int32(truncatingIfNeeded: integer), to: &metadata) }
    case .floats(let floats):
      writeArray(.float32, count: floats.count)
      for float in floats { put(float.bitPattern, to: &metadata) }
    // A mistake in the program: `other` is what a file holds and no one reads, and metadata to
    // write is made here, never taken from a file.
    case .other(let kind): preconditionFailure("a value that is \(kind) cannot be written")
    }
  }

  /// Adds a tensor of `shape`, outermost axis first, with the elements `bytes` in ggml's type
  /// `type`.
  package mutating func add(_ name: String, shape: [Int], type: UInt32, bytes: [UInt8]) {
    tensorCount += 1
    put(name, to: &list)
    put(UInt32(shape.count), to: &list)
    for axis in shape.reversed() { put(UInt64(axis), to: &list) }
    put(type, to: &list)
    put(UInt64(data.count), to: &list)
    data += bytes
    GGUFBytes.pad(&data)
  }

  /// The bytes of the whole file.
  package var bytes: [UInt8] {
    var file = Array("GGUF".utf8)
    put(UInt32(3), to: &file)
    put(UInt64(tensorCount), to: &file)
    put(UInt64(valueCount), to: &file)
    file += metadata
    file += list
    GGUFBytes.pad(&file)
    return file + data
  }

  private static func pad(_ bytes: inout [UInt8]) {
    while bytes.count % alignment != 0 { bytes.append(0) }
  }

  private mutating func write(_ kind: GGUFKind, _ number: some FixedWidthInteger) {
    put(kind.rawValue, to: &metadata)
    put(number, to: &metadata)
  }

  private mutating func writeArray(_ kind: GGUFKind, count: Int) {
    write(.array, kind.rawValue)
    put(UInt64(count), to: &metadata)
  }
}

/// Appends a number, lowest byte first.
private func put<Number: FixedWidthInteger>(_ number: Number, to bytes: inout [UInt8]) {
  for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
    bytes.append(UInt8(truncatingIfNeeded: number >> shift))
  }
}

/// Appends the length of the text in bytes (64 bits), then the text in UTF-8.
private func put(_ text: String, to bytes: inout [UInt8]) {
  put(UInt64(text.utf8.count), to: &bytes)
  bytes += text.utf8
}
