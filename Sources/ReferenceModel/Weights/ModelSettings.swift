import KVPolicyKit

/// One setting of a model file, in a form independent of the file's format.
enum Setting {
  case integer(Int64)
  case number(Double)
  case bool(Bool)
  case text(String)
  case integers([Int64])
  /// A kind of value that no setting has; holds the kind's name for messages.
  case other(String)

  /// The kind of the value, for messages.
  var kind: String {
    switch self {
    case .integer: "a whole number"
    case .number: "a number with a fraction"
    case .bool: "a Boolean"
    case .text: "text"
    case .integers: "a list of whole numbers"
    case .other(let kind): kind
    }
  }
}

/// The settings of a model, looked up by name. Every getter checks the value and throws an error
/// that names the setting, its value and the legal values.
struct ModelSettings {
  /// The file, for messages.
  let file: String
  /// Settings by name; a JSON null counts as absent.
  private let values: [String: Setting]
  /// All names, including the names of null values.
  private let names: Set<String>
  /// A prefix for names in messages.
  private let prefix: String

  /// The largest size accepted: beyond any real model, yet products of two sizes never overflow.
  static let sizeLimit: Int64 = 1 << 24

  /// The settings in a JSON object of `file`; `prefix` is the object's path in the file.
  init(_ object: [String: JSONValue], file: String, prefix: String = "") {
    self.file = file
    self.prefix = prefix
    self.names = Set(object.keys)
    self.values = object.compactMapValues(Setting.init)
  }

  /// The metadata of a GGUF file.
  init(_ metadata: [String: GGUFValue], file: String) {
    self.file = file
    self.prefix = ""
    self.names = Set(metadata.keys)
    self.values = metadata.mapValues(Setting.init)
  }

  /// Whether the file contains the setting, even as null.
  func declares(_ name: String) -> Bool { names.contains(name) }

  /// Whether the setting has a value.
  func has(_ name: String) -> Bool { values[name] != nil }

  /// An integer from 1 to `sizeLimit`; throws where the setting is absent.
  ///
  /// - Parameter layers: the number of layers, if the setting may also be a list of the sizes of
  ///   all layers, which must be equal.
  func size(_ name: String, sameInAll layers: Int? = nil) throws(ModelError) -> Int {
    guard let size = try sizeIfPresent(name, sameInAll: layers) else {
      throw .malformed(file: file, reason: "'\(prefix)\(name)' is missing")
    }
    return size
  }

  /// An integer from 1 to `sizeLimit`, or nil where the setting is absent; `layers` as in `size`.
  func sizeIfPresent(_ name: String, sameInAll layers: Int? = nil) throws(ModelError) -> Int? {
    guard var value = values[name] else { return nil }
    var legal = "a whole number from 1 to \(ModelSettings.sizeLimit)"
    if let layers, case .integers(let list) = value {
      legal += ", or a list of \(layers) equal ones, one for each layer"
      if list.count == layers, let first = list.first, list.allSatisfy({ $0 == first }) {
        value = .integer(first)
      }
    }
    guard case .integer(let integer) = value else { throw wrong(name, value.kind, legal: legal) }
    guard integer >= 1, integer <= ModelSettings.sizeLimit else {
      throw wrong(name, "\(integer)", legal: legal)
    }
    return Int(integer)
  }

  /// A number in `range`, or nil where the setting is absent.
  func number(_ name: String, in range: ClosedRange<Double>) throws(ModelError) -> Double? {
    guard let value = values[name] else { return nil }
    let legal = "a number from \(range.lowerBound) to \(range.upperBound)"
    let number: Double
    switch value {
    case .integer(let integer): number = Double(integer)
    case .number(let double): number = double
    default: throw wrong(name, value.kind, legal: legal)
    }
    // NaN is in no range.
    guard range.contains(number) else { throw wrong(name, "\(number)", legal: legal) }
    return number
  }

  /// A Boolean; `fallback` where the setting is absent.
  func bool(_ name: String, default fallback: Bool) throws(ModelError) -> Bool {
    guard let value = values[name] else { return fallback }
    guard case .bool(let bool) = value else {
      throw wrong(name, value.kind, legal: "true or false")
    }
    return bool
  }

  /// Text, or nil where the setting is absent.
  func text(_ name: String) throws(ModelError) -> String? {
    guard let value = values[name] else { return nil }
    guard case .text(let text) = value else { throw wrong(name, value.kind, legal: "text") }
    return text
  }

  /// Whether a number in the place of a token means that there is no token: −1, also when it was
  /// stored as an unsigned number of 32 bits.
  static func isNoToken(_ number: Int64) -> Bool { number == -1 || number == Int64(UInt32.max) }

  /// Token numbers below `vocabulary`, from one number or a list, without duplicates and without
  /// numbers that mean no token; empty where the setting is absent.
  func tokens(_ name: String, vocabulary: Int) throws(ModelError) -> [Int] {
    guard let value = values[name] else { return [] }
    let legal = "token numbers from 0 to \(vocabulary - 1)"
    let numbers: [Int64]
    switch value {
    case .integer(let integer): numbers = [integer]
    case .integers(let integers): numbers = integers
    default: throw wrong(name, value.kind, legal: legal)
    }
    var tokens: [Int] = []
    for number in numbers where !ModelSettings.isNoToken(number) {
      guard number >= 0, number < Int64(vocabulary) else {
        throw wrong(name, "\(number)", legal: legal)
      }
      if !tokens.contains(Int(number)) { tokens.append(Int(number)) }
    }
    return tokens
  }

  /// The error for a setting with an unusable value.
  func wrong(_ name: String, _ value: String, legal: String) -> ModelError {
    .malformed(file: file, reason: "'\(prefix)\(name)' is \(value); it must be \(legal)")
  }
}

extension Setting {
  /// The setting for a JSON value; nil for null.
  init?(_ node: JSONValue) {
    switch node {
    case .null: return nil
    case .bool(let bool): self = .bool(bool)
    case .integer(let integer): self = .integer(Int64(integer))
    case .number(let number): self = .number(number)
    case .string(let text): self = .text(text)
    case .object: self = .other(node.kind)
    case .array(let elements):
      var integers: [Int64] = []
      for element in elements {
        guard case .integer(let integer) = element else {
          self = .other(node.kind)
          return
        }
        integers.append(Int64(integer))
      }
      self = .integers(integers)
    }
  }

  /// The setting for a GGUF value.
  init(_ value: GGUFValue) {
    switch value {
    case .integer(let integer): self = .integer(integer)
    case .float(let number): self = .number(number)
    case .bool(let bool): self = .bool(bool)
    case .string(let text): self = .text(text)
    case .integers(let integers): self = .integers(integers)
    case .strings: self = .other("a list of texts")
    case .floats: self = .other("a list of numbers")
    case .other(let kind): self = .other(kind)
    }
  }
}
