/// A metadata value of a GGUF file, with the format's many number types folded into a few.
package enum GGUFValue: Sendable, Equatable {
  /// A value of any integer type; an unsigned value above `Int64.max` is refused when parsed.
  case integer(Int64)
  /// A 32-bit or 64-bit float.
  case float(Double)
  /// A Boolean.
  case bool(Bool)
  /// UTF-8 text.
  case string(String)
  /// An array of strings, such as the tokens.
  case strings([String])
  /// An array of integers or Booleans, such as the token types.
  case integers([Int64])
  /// An array of floats, such as the scores.
  case floats([Float])
}

extension GGUFValue {
  /// The most elements an array may have: far more than any vocabulary has.
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

/// The types of metadata values, by the format's numbers.
package enum GGUFKind: UInt32 {
  case uint8 = 0
  case int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

  /// The fewest bytes a value takes.
  package var bytes: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64, .string: 8
    case .array: 12
    }
  }
}

/// ggml's numbers for the ways a tensor can be stored.
package enum GGMLType {
  /// Names by number; nil for a number that ggml has retired or never used.
  private static let names: [String?] = [
    "F32", "F16", "Q4_0", "Q4_1", nil, nil, "Q5_0", "Q5_1", "Q8_0", "Q8_1",
    "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S",
    "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8", "I16", "I32", "I64", "F64", "IQ1_M",
    "BF16", nil, nil, nil, "TQ1_0", "TQ2_0", nil, nil, nil, "MXFP4",
  ]

  /// ggml's name for type `number`, or a phrase that says the type is unknown.
  static func name(_ number: UInt32) -> String {
    if number < UInt32(names.count), let name = names[Int(number)] { return name }
    return "unknown ggml type \(number)"
  }

  /// This engine's type for ggml's type `number`; nil if the engine does not support the type.
  static func tensorType(_ number: UInt32) -> TensorType? {
    TensorType(rawValue: name(number))
  }

  /// ggml's number for `type`; nil if ggml does not have the type.
  package static func number(_ type: TensorType) -> UInt32? {
    names.firstIndex(of: type.rawValue).map(UInt32.init)
  }
}
