public import KVPolicyKit

/// A record as it stands in a results file.
public struct SweepLine: Sendable {
  /// The line, without its end.
  public let text: String
  /// The record.
  public let record: SweepRecord
  /// The record's members, with any members that this version does not know.
  public let value: JSONValue
  /// The place of the line, for messages: `results.jsonl, line 3`.
  public let place: String

  /// Reads a line.
  ///
  /// - Throws: `SweepError.results` for a line that is no record, for a record of another schema,
  ///   and for a record whose id is not its cell's.
  public init(_ text: String, place: String) throws(SweepError) {
    (self.text, self.place) = (text, place)
    do {
      value = try JSONValue.parse(text)
    } catch {
      throw .results("\(place): it is not valid JSON: column \(error.column): \(error.reason)")
    }
    guard case .object(let members) = value, let schema = members["schema"]?.wholeNumber else {
      throw .results("\(place): it is no record of a sweep: it has no 'schema'")
    }
    guard schema == SweepRecord.schema else {
      throw .results(
        "\(place): the record has schema \(schema), and this program reads and writes "
          + "\(SweepRecord.schema); use the program that wrote it, or another file")
    }
    do {
      record = try value.decoded(as: SweepRecord.self)
    } catch let error as DecodingError {
      throw .results("\(place): \(error.message)")
    } catch {
      throw .results("\(place): \(error)")
    }
    guard record.id == record.cell.id, record.documents.count == record.cell.documents else {
      throw .results(
        "\(place): its id or its number of documents is not that of its cell; it was changed by "
          + "hand, remove the line")
    }
  }

  /// The members that depend on the cell alone: the measurements.
  public var numbers: JSONValue { SweepLine.numbers(value) }

  private static func numbers(_ value: JSONValue) -> JSONValue {
    guard case .object(let members) = value else { return .null }
    return ["documents": members["documents"] ?? .null, "sums": members["sums"] ?? .null]
  }

  /// What differs between two records' measurements, in the order of their paths.
  public func differences(from other: SweepLine) -> [SweepDifference] {
    SweepDifference.all(numbers, other.numbers, at: "")
  }
}

/// A member in which two records differ.
public struct SweepDifference: Equatable, Sendable, CustomStringConvertible {
  /// The member: `documents[0].scores.all.sum`.
  public let path: String
  /// The values of the two records; null if one has no such member.
  public let values: [JSONValue]

  /// `documents[0].scores.all.sum is 12 and 13`
  public var description: String {
    "\(path) is \(values.map { "\($0.excerpt)" }.joined(separator: " and "))"
  }

  static func all(_ one: JSONValue, _ other: JSONValue, at path: String) -> [SweepDifference] {
    switch (one, other) {
    case (.object(let mine), .object(let theirs)):
      Set(mine.keys).union(theirs.keys).sorted().flatMap { name in
        all(
          mine[name] ?? .null, theirs[name] ?? .null, at: path.isEmpty ? name : "\(path).\(name)")
      }
    case (.array(let mine), .array(let theirs)) where mine.count == theirs.count:
      mine.indices.flatMap { all(mine[$0], theirs[$0], at: "\(path)[\($0)]") }
    default: one == other ? [] : [SweepDifference(path: path, values: [one, other])]
    }
  }
}

extension JSONValue {
  /// The number of values that are neither lists nor objects.
  package var leaves: Int {
    switch self {
    case .array(let values): values.reduce(0) { $0 + $1.leaves }
    case .object(let members): members.values.reduce(0) { $0 + $1.leaves }
    default: 1
    }
  }
}
