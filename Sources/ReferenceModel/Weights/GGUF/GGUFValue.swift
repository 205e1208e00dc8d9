/// A metadata value of a GGUF file, with the format's many number types folded into a few.
package enum GGUFValue: Sendable, Equatable {
  /// A value of any integer type, up to `Int64.max`.
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
  /// A value of no use, described for the message of a reader that asks for the value.
  case other(String)
}

extension GGUFValue {
  /// The most elements an array may have: far more than any vocabulary has.
  static let arrayLimit = 1 << 24

  /// Reads the type and the value of metadata `key`.
  init(_ cursor: inout ByteCursor, key: String) throws(ModelError) {
    let kind = try GGUFValue.kind(&cursor, key: key)
    switch kind {
    case .string:
      let text = try cursor.text(of: "metadata '\(key)'")
      self = text.map { .string($0) } ?? .other("text that is not valid UTF-8")
    case .array: self = try GGUFValue.array(&cursor, key: key)
    case .float32, .float64: self = .float(try GGUFValue.float(kind, &cursor, key: key))
    case .bool:
      let value = try cursor.integer(UInt8.self, of: "metadata '\(key)'")
      self = value <= 1 ? .bool(value == 1) : .other("a Boolean with value \(value)")
    default:
      let value = try GGUFValue.integer(kind, &cursor, key: key)
      self = value.map { .integer($0) } ?? .other("a number above \(Int64.max)")
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
    let (kind, count) = try arrayHead(&cursor, key: key)
    guard kind != .array, count <= arrayLimit else {
      try skip(count, of: kind, &cursor, key: key)
      return .other(kind == .array ? "a list of lists" : "a list of \(count) elements")
    }
    switch kind {
    case .string:
      var strings: [String?] = []
      strings.reserveCapacity(count)
      for _ in 0..<count { strings.append(try cursor.text(of: "metadata '\(key)'")) }
      let valid = strings.compactMap(\.self)
      return valid.count == count
        ? .strings(valid) : .other("a list of texts of which some are not valid UTF-8")
    case .float32, .float64:
      var floats: [Float] = []
      floats.reserveCapacity(count)
      for _ in 0..<count { floats.append(Float(try float(kind, &cursor, key: key))) }
      return .floats(floats)
    default:
      var integers: [Int64?] = []
      integers.reserveCapacity(count)
      for _ in 0..<count { integers.append(try integer(kind, &cursor, key: key)) }
      let fitting = integers.compactMap(\.self)
      return fitting.count == count
        ? .integers(fitting) : .other("a list with numbers above \(Int64.max)")
    }
  }

  /// The type and the number of an array's elements.
  private static func arrayHead(
    _ cursor: inout ByteCursor, key: String
  ) throws(ModelError) -> (kind: GGUFKind, count: Int) {
    let kind = try kind(&cursor, key: key)
    return (kind, try cursor.count(of: "elements in metadata '\(key)'", eachAtLeast: kind.bytes))
  }

  /// Passes over the elements of an array. The elements may be arrays themselves; a list of open
  /// arrays takes the place of recursion, which a file could make as deep as it likes.
  private static func skip(
    _ count: Int, of kind: GGUFKind, _ cursor: inout ByteCursor, key: String
  ) throws(ModelError) {
    var open = [(kind: kind, count: count)]
    while let (kind, count) = open.popLast() {
      switch kind {
      case .array where count > 0:
        open.append((.array, count - 1))
        open.append(try arrayHead(&cursor, key: key))
      case .array: break
      case .string: for _ in 0..<count { _ = try cursor.text(of: "metadata '\(key)'") }
      default: try cursor.skip(count, eachOf: kind.bytes, of: "metadata '\(key)'")
      }
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

  /// An integer of any type, or the byte of a Boolean; nil above `Int64.max`.
  private static func integer(
    _ kind: GGUFKind, _ cursor: inout ByteCursor, key: String
  ) throws(ModelError) -> Int64? {
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
    case .uint64: return Int64(exactly: try next(UInt64.self))
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

  /// Whether the elements of type `number` are plain integers, I8 to I64.
  static func isInteger(_ number: UInt32) -> Bool { (24...27).contains(number) }

  /// This engine's type for ggml's type `number`; nil if the engine does not support the type.
  static func tensorType(_ number: UInt32) -> TensorType? {
    TensorType(rawValue: name(number))
  }

  /// ggml's number for `type`; nil if ggml does not have the type.
  package static func number(_ type: TensorType) -> UInt32? {
    names.firstIndex(of: type.rawValue).map(UInt32.init)
  }
}
