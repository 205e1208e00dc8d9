/// The memory behind a value, found by reflection: its arrays, dictionaries, texts and objects.
///
/// A policy states the size of its own state, and statistics believe it. This count does not: it
/// looks. It is an estimate, because spare room of arrays and the system's bookkeeping are not in
/// it, and it costs time in proportion to what it finds, so it is for checks and not for every
/// step.
struct HeldBytes {
  /// Objects that were counted already.
  private var seen: Set<ObjectIdentifier> = []
  private var total = 0

  /// The bytes behind a value. The fields of the value itself, outside arrays and objects, are not
  /// counted.
  static func behind(_ value: Any) -> Int {
    var held = HeldBytes()
    held.add(value, inside: false)
    return held.total
  }

  /// Adds what is behind a value, and the value itself if it is an element of something.
  private mutating func add(_ value: Any, inside: Bool) {
    if let bytes = HeldBytes.ofNumbers(value) {
      total += bytes
      return
    }
    if let text = value as? String {
      total += text.utf8.count
      return
    }
    let mirror = Mirror(reflecting: value)
    if mirror.displayStyle == .class {
      guard seen.insert(ObjectIdentifier(value as AnyObject)).inserted else { return }
    }
    let holds =
      switch mirror.displayStyle {
      case .collection, .dictionary, .set, .class: true
      default: inside
      }
    if mirror.children.isEmpty, inside { total += HeldBytes.leaf }
    for child in mirror.children { add(child.value, inside: holds) }
    if let parent = mirror.superclassMirror {
      for child in parent.children { add(child.value, inside: true) }
    }
  }

  /// The size that an element without parts is taken to have.
  private static let leaf = 8

  /// The bytes of an array of numbers; nil for any other value.
  private static func ofNumbers(_ value: Any) -> Int? {
    switch value {
    case let numbers as [Float]: 4 * numbers.count
    case let numbers as [Int32]: 4 * numbers.count
    case let numbers as [UInt32]: 4 * numbers.count
    case let numbers as [Int]: 8 * numbers.count
    case let numbers as [Double]: 8 * numbers.count
    case let numbers as [UInt64]: 8 * numbers.count
    case let numbers as [UInt16]: 2 * numbers.count
    case let numbers as [UInt8]: numbers.count
    case let numbers as [Bool]: numbers.count
    default: nil
    }
  }
}

extension KVSequence {
  /// Bytes behind the policies, readers, codecs and memories of the sequence, by reflection.
  package var heldStateBytes: Int {
    var parts: [Any] = policies.policies
    parts += policies.readers.compactMap { $0 }
    parts += policies.codecs.compactMap { $0 }
    parts += policies.residuals.compactMap { $0 }
    return parts.reduce(0) { $0 + HeldBytes.behind($1) }
  }

  /// The bytes of state that they say they have.
  package var declaredStateBytes: Int {
    policies.policies.reduce(0) { $0 + $1.stateBytes }
      + policies.readers.reduce(0) { $0 + ($1?.stateBytes ?? 0) }
      + policies.codecs.reduce(0) { $0 + ($1?.stateBytes ?? 0) }
      + policies.residuals.reduce(0) { $0 + ($1?.stateBytes ?? 0) }
  }

  /// Bytes of state that came since `held` was read and that nobody counts: 0 if what the policies
  /// say covers it.
  package func uncountedStateBytes(since held: Int) -> Int {
    max(0, heldStateBytes - held - declaredStateBytes)
  }
}
