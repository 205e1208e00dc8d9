import KVPolicyKit

/// An object of a file of samples, and its place for messages.
struct SampleRecord {
  /// The largest number of bytes of a line. LongBench's longest line has less than a million.
  static let longestLine = 1 << 24
  /// The largest number of bytes of an answer: some metrics compare every pair of words.
  static let longestAnswer = 1 << 16

  let members: [String: JSONValue]
  let place: String
  let file: String

  /// The objects of a file, one a line. The last line may lack its line end.
  static func lines(_ utf8: [UInt8], file: String) throws(LongTaskError) -> [SampleRecord] {
    var lines = utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    guard !lines.isEmpty else {
      throw .file(name: file, place: "", reason: "the file is empty; it needs an object a line")
    }
    var records: [SampleRecord] = []
    for (index, line) in lines.enumerated() {
      let place = "line \(index + 1)"
      guard line.count <= longestLine else {
        throw .file(
          name: file, place: place,
          reason: "the line has \(line.count) bytes; it may have \(longestLine)")
      }
      guard line.contains(where: { $0 != 0x20 && $0 != 0x0D && $0 != 0x09 }) else {
        throw .file(
          name: file, place: place, reason: "the line is empty; every line is a JSON object")
      }
      let value: JSONValue
      do throws(JSONError) {
        value = try JSONValue.parse(Array(line))
      } catch {
        throw .file(name: file, place: "\(place), column \(error.column)", reason: error.reason)
      }
      records.append(try SampleRecord(value, place: place, file: file))
    }
    return records
  }

  /// The objects of a file that is one JSON list.
  static func list(_ utf8: [UInt8], file: String) throws(LongTaskError) -> [SampleRecord] {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(utf8)
    } catch {
      throw .file(
        name: file, place: "line \(error.line), column \(error.column)", reason: error.reason)
    }
    guard case .array(let items) = value, !items.isEmpty else {
      throw .file(
        name: file, place: "",
        reason: "the file holds \(value.kind); it must be a list of at least one object")
    }
    return try items.enumerated().map { index, item throws(LongTaskError) in
      try SampleRecord(item, place: "item \(index + 1)", file: file)
    }
  }

  private init(_ value: JSONValue, place: String, file: String) throws(LongTaskError) {
    guard case .object(let members) = value else {
      throw .file(
        name: file, place: place, reason: "this is \(value.kind); it must be an object")
    }
    (self.members, self.place, self.file) = (members, place, file)
  }

  /// Refuses unknown keys, and names the first missing one.
  func check(required: [String], optional: [String] = []) throws(LongTaskError) {
    if let missing = required.first(where: { members[$0] == nil }) {
      throw mistake("the key '\(missing)' is missing; an object needs \(list(required))")
    }
    let legal = required + optional
    if let unknown = members.keys.sorted().first(where: { !legal.contains($0) }) {
      throw mistake("the key '\(unknown.prefix(60))' is unknown; legal are \(list(legal))")
    }
  }

  /// A text.
  func text(_ key: String) throws(LongTaskError) -> String {
    guard case .string(let text) = members[key] else { throw mistake(key, "a text") }
    return text
  }

  /// A text that is not empty.
  func filledText(_ key: String) throws(LongTaskError) -> String {
    guard case .string(let text) = members[key], !text.isEmpty else {
      throw mistake(key, "a text that is not empty")
    }
    return text
  }

  /// Texts that are not empty, at least one.
  func texts(_ key: String) throws(LongTaskError) -> [String] {
    let legal = "a list of 1...1000 texts of 1...\(SampleRecord.longestAnswer) bytes"
    guard case .array(let values) = members[key], (1...1000).contains(values.count) else {
      throw mistake(key, legal)
    }
    return try values.map { value throws(LongTaskError) in
      guard case .string(let text) = value,
        (1...SampleRecord.longestAnswer).contains(text.utf8.count)
      else { throw mistake(key, legal) }
      return text
    }
  }

  /// A whole number of a range.
  func number(_ key: String, in range: ClosedRange<Int>) throws(LongTaskError) -> Int {
    guard let number = members[key]?.wholeNumber, range.contains(number) else {
      throw mistake(key, "a whole number in \(range.lowerBound)...\(range.upperBound)")
    }
    return number
  }

  /// The error of a value of the wrong kind.
  func mistake(_ key: String, _ legal: String) -> LongTaskError {
    mistake("'\(key)' is \(members[key]?.excerpt ?? "missing"); it must be \(legal)")
  }

  /// An error at this place.
  func mistake(_ reason: String) -> LongTaskError {
    .file(name: file, place: place, reason: reason)
  }

  private func list(_ keys: [String]) -> String { keys.joined(separator: ", ") }
}
