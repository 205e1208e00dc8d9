extension GGUFValue {
  /// The most elements of an array that are read: far more than any vocabulary has.
  static let arrayLimit = 1 << 24

  /// Reads the type and the value of metadata `key`.
  init(_ cursor: inout ByteCursor, key: String) throws(ModelError) {
    let kind = try GGUFValue.kind(&cursor, key: key)
    switch kind {
    case .string: self = .string(try cursor.text(of: "metadata '\(key)'"))
    case .array: self = try GGUFValue.array(&cursor, key: key)
    case .float32, .float64: self = .float(try GGUFValue.float(kind, &cursor, key: key))
    case .bool: self = .bool(try GGUFValue.integer(kind, &cursor, key: key) == 1)
    default: self = .integer(try GGUFValue.integer(kind, &cursor, key: key))
    }
  }

  private static func kind(
    _ cursor: inout ByteCursor, key: String
  ) throws(ModelError) -> GGUFKind {
    let number = try cursor.integer(UInt32.self, of: "the type of metadata '\(key)'")
    guard let kind = GGUFKind(rawValue: number) else {
      throw .malformed(
        file: cursor.file.path,
        reason: "metadata '\(key)' has type \(number); GGUF has types 0 to "
          + "\(GGUFKind.float64.rawValue)")
    }
    return kind
  }

  private static func array(
    _ cursor: inout ByteCursor, key: String
  ) throws(ModelError) -> GGUFValue {
    let kind = try kind(&cursor, key: key)
    // Reading stops at the first array of arrays, so nesting never becomes recursion.
    guard kind != .array else {
      throw .unsupported(
        what: "metadata '\(key)': an array of arrays",
        supported: "arrays of numbers, Booleans and text")
    }
    let count = try cursor.count(of: "elements in metadata '\(key)'", eachAtLeast: kind.bytes)
    guard count <= arrayLimit else {
      throw .malformed(
        file: cursor.file.path,
        reason: "metadata '\(key)' has \(count) elements; at most \(arrayLimit) are read")
    }
    switch kind {
    case .string:
      var strings: [String] = []
      strings.reserveCapacity(count)
      for _ in 0..<count { strings.append(try cursor.text(of: "metadata '\(key)'")) }
      return .strings(strings)
    case .float32, .float64:
      var floats: [Float] = []
      floats.reserveCapacity(count)
      for _ in 0..<count { floats.append(Float(try float(kind, &cursor, key: key))) }
      return .floats(floats)
    default:
      var integers: [Int64] = []
      integers.reserveCapacity(count)
      for _ in 0..<count { integers.append(try integer(kind, &cursor, key: key)) }
      return .integers(integers)
    }
  }

  private static func float(
    _ kind: GGUFKind, _ cursor: inout ByteCursor, key: String
  ) throws(ModelError) -> Double {
    if kind == .float32 {
      return Double(Float(bitPattern: try cursor.integer(UInt32.self, of: "metadata '\(key)'")))
    }
    return Double(bitPattern: try cursor.integer(UInt64.self, of: "metadata '\(key)'"))
  }

  /// An integer of any width, or a Boolean as 0 or 1.
  private static func integer(
    _ kind: GGUFKind, _ cursor: inout ByteCursor, key: String
  ) throws(ModelError) -> Int64 {
    func next<Number: FixedWidthInteger>(_ type: Number.Type) throws(ModelError) -> Number {
      try cursor.integer(type, of: "metadata '\(key)'")
    }
    switch kind {
    case .int8: return Int64(try next(Int8.self))
    case .uint16: return Int64(try next(UInt16.self))
    case .int16: return Int64(try next(Int16.self))
    case .uint32: return Int64(try next(UInt32.self))
    case .int32: return Int64(try next(Int32.self))
    case .int64: return try next(Int64.self)
    case .uint64:
      let value = try next(UInt64.self)
      if let fitting = Int64(exactly: value) { return fitting }
      throw .malformed(
        file: cursor.file.path, reason: "metadata '\(key)' is \(value), larger than \(Int64.max)")
    case .bool:
      let value = try next(UInt8.self)
      if value <= 1 { return Int64(value) }
      throw .malformed(
        file: cursor.file.path,
        reason: "metadata '\(key)' is a Boolean with value \(value); legal are 0 and 1")
    default: return Int64(try next(UInt8.self))
    }
  }
}
