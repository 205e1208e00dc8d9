extension JSONValue {
  /// The value as a `Decodable` type. `"inf"`, `"-inf"` and `"nan"` stand for the numbers that JSON
  /// lacks; members that the type does not ask for are ignored.
  ///
  /// - Throws: `DecodingError` where the value does not fit; see `DecodingError.message`.
  package func decoded<Value: Decodable>(as type: Value.Type) throws -> Value {
    try ValueDecoder(value: self, codingPath: []).decode(type)
  }
}

extension DecodingError {
  /// The place of the mistake and what is legal, such as
  /// `rows[3].tokens is "a"; it must be a whole number`.
  package var message: String {
    let context =
      switch self {
      case .typeMismatch(_, let context), .valueNotFound(_, let context),
        .keyNotFound(_, let context), .dataCorrupted(let context):
        context
      @unknown default: Context(codingPath: [], debugDescription: "\(self)")
      }
    let path = context.codingPath.reduce("") { path, key in
      if let index = key as? ListIndex { return "\(path)[\(index.index)]" }
      return path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)"
    }
    return (path.isEmpty ? "it" : path) + " " + context.debugDescription
  }
}

/// A place in a list.
private struct ListIndex: CodingKey {
  let index: Int
  var stringValue: String { "\(index)" }
  var intValue: Int? { index }

  init(_ index: Int) { self.index = index }
  init?(stringValue: String) { return nil }
  init?(intValue: Int) { index = intValue }
}

/// Decodes one value. The generic methods serve every type that the protocols ask for.
struct ValueDecoder: Decoder, SingleValueDecodingContainer {
  let value: JSONValue
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func singleValueContainer() -> any SingleValueDecodingContainer { self }

  func container<Key>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    guard case .object(let members) = value else {
      throw unfit([String: JSONValue].self, "an object")
    }
    return KeyedDecodingContainer(MemberDecoder(members: members, codingPath: codingPath))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    guard case .array(let values) = value else { throw unfit([JSONValue].self, "a list") }
    return ListDecoder(values: values, codingPath: codingPath)
  }

  func decodeNil() -> Bool { value == .null }

  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    let result: Any?
    switch type {
    case is JSONValue.Type: result = value
    case is Bool.Type:
      result = if case .bool(let flag) = value { flag } else { nil }
    case is String.Type:
      result = if case .string(let text) = value { text } else { nil }
    case is Double.Type: result = double
    case is Float.Type: result = double.map { Float($0) }
    case let integers as any FixedWidthInteger.Type:
      result = value.wholeNumber.flatMap { integers.init(exactly: $0) }
    default: return try Value(from: self)
    }
    guard let result = result as? Value else { throw unfit(type, ValueDecoder.name(of: type)) }
    return result
  }

  private var double: Double? {
    switch value {
    case "inf": .infinity
    case "-inf": -.infinity
    case "nan": .nan
    default: value.realNumber
    }
  }

  /// What a value of a type is called in messages.
  private static func name(of type: Any.Type) -> String {
    switch type {
    case is Bool.Type: "true or false"
    case is String.Type: "a text"
    case is any FixedWidthInteger.Type: "a whole number that fits \(type)"
    default: "a number"
    }
  }

  private func unfit(_ type: Any.Type, _ legal: String) -> DecodingError {
    .typeMismatch(
      type,
      .init(codingPath: codingPath, debugDescription: "is \(value.excerpt); it must be \(legal)"))
  }
}

/// Decodes the members of an object.
private struct MemberDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let members: [String: JSONValue]
  let codingPath: [any CodingKey]

  // Sorted, so that of several mistakes the same one is always reported.
  var allKeys: [Key] { members.keys.sorted().compactMap { Key(stringValue: $0) } }

  func contains(_ key: Key) -> Bool { members[key.stringValue] != nil }

  private func member(_ key: some CodingKey) throws -> ValueDecoder {
    guard let value = members[key.stringValue] else {
      throw DecodingError.keyNotFound(
        key, .init(codingPath: codingPath + [key], debugDescription: "is missing"))
    }
    return ValueDecoder(value: value, codingPath: codingPath + [key])
  }

  func decodeNil(forKey key: Key) throws -> Bool { try member(key).decodeNil() }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try member(key).decode(type)
  }

  func nestedContainer<NestedKey>(
    keyedBy type: NestedKey.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<NestedKey> { try member(key).container(keyedBy: type) }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try member(key).unkeyedContainer()
  }

  func superDecoder(forKey key: Key) throws -> any Decoder { try member(key) }

  func superDecoder() throws -> any Decoder {
    ValueDecoder(value: .object(members), codingPath: codingPath)
  }
}

/// Decodes the elements of a list, one after the other.
private struct ListDecoder: UnkeyedDecodingContainer {
  let values: [JSONValue]
  let codingPath: [any CodingKey]
  private(set) var currentIndex = 0

  init(values: [JSONValue], codingPath: [any CodingKey]) {
    self.values = values
    self.codingPath = codingPath
  }

  var count: Int? { values.count }
  var isAtEnd: Bool { currentIndex == values.count }

  /// Moves past an element once `body` has accepted it.
  private mutating func next<Result>(_ body: (ValueDecoder) throws -> Result) throws -> Result {
    let path = codingPath + [ListIndex(currentIndex)]
    guard !isAtEnd else {
      throw DecodingError.valueNotFound(
        JSONValue.self, .init(codingPath: path, debugDescription: "is missing"))
    }
    let result = try body(ValueDecoder(value: values[currentIndex], codingPath: path))
    currentIndex += 1
    return result
  }

  mutating func decodeNil() throws -> Bool {
    guard !isAtEnd, values[currentIndex] == .null else { return false }
    currentIndex += 1
    return true
  }

  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try next { try $0.decode(type) }
  }

  mutating func nestedContainer<NestedKey>(
    keyedBy type: NestedKey.Type
  ) throws -> KeyedDecodingContainer<NestedKey> { try next { try $0.container(keyedBy: type) } }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try next { try $0.unkeyedContainer() }
  }

  mutating func superDecoder() throws -> any Decoder { try next { $0 } }
}
