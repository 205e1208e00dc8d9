/// Reads one JSON object member by member. `refuseUnknown` then throws for a member that was never
/// read.
///
/// All methods throw the error that `fail` makes of a message.
package struct MemberReader<Failure: Error> {
  /// The name of the object in messages: `recipe`, `stages[2]`.
  package let place: String
  /// Makes the error of a message.
  package let fail: (String) -> Failure
  private let members: [String: JSONValue]
  private var asked: Set<String> = []

  /// A reader of an object.
  package init(
    _ value: JSONValue, place: String, fail: @escaping (String) -> Failure
  ) throws(Failure) {
    guard case .object(let members) = value else {
      throw fail("'\(place)' is \(value.excerpt); it must be an object")
    }
    self.place = place
    self.fail = fail
    self.members = members
  }

  /// A member, or nil if the object lacks it or it is null.
  package mutating func optional(_ name: String) -> JSONValue? {
    asked.insert(name)
    return members[name] == .null ? nil : members[name]
  }

  /// A required member.
  package mutating func value(_ name: String) throws(Failure) -> JSONValue {
    asked.insert(name)
    guard let value = members[name] else {
      throw fail("'\(place)' has no '\(name)'; give it")
    }
    return value
  }

  /// A required integer in `range`.
  package mutating func integer(
    _ name: String, in range: ClosedRange<Int>
  ) throws(Failure) -> Int {
    let value = try value(name)
    guard let whole = value.wholeNumber, range.contains(whole) else {
      throw bad(name, value, "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return whole
  }

  /// An integer in `range`, or else `standard`.
  package mutating func integer(
    _ name: String, in range: ClosedRange<Int>, default standard: Int
  ) throws(Failure) -> Int {
    optional(name) == nil ? standard : try integer(name, in: range)
  }

  /// A required number in `range`.
  package mutating func number(
    _ name: String, in range: ClosedRange<Double>
  ) throws(Failure) -> Double {
    let value = try value(name)
    guard let number = value.realNumber, range.contains(number) else {
      throw bad(name, value, "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// True or false, or else `standard`.
  package mutating func flag(
    _ name: String, default standard: Bool
  ) throws(Failure) -> Bool {
    guard let value = optional(name) else { return standard }
    guard case .bool(let flag) = value else { throw bad(name, value, "true or false") }
    return flag
  }

  /// A required text that is not empty.
  package mutating func text(_ name: String) throws(Failure) -> String {
    let value = try value(name)
    guard case .string(let text) = value, !text.isEmpty else {
      throw bad(name, value, "text that is not empty")
    }
    return text
  }

  /// A required pair of integers in `range`: the least and the most.
  package mutating func span(
    _ name: String, in range: ClosedRange<Int>
  ) throws(Failure) -> ClosedRange<Int> {
    let value = try value(name)
    guard case .array(let ends) = value, ends.count == 2, let low = ends[0].wholeNumber,
      let high = ends[1].wholeNumber, low <= high, range.contains(low), range.contains(high)
    else {
      throw bad(
        name, value,
        "[least, most], whole numbers from \(range.lowerBound) to \(range.upperBound)")
    }
    return low...high
  }

  /// A required list of one or more values.
  package mutating func list(_ name: String, of noun: String) throws(Failure) -> [JSONValue] {
    let value = try value(name)
    guard case .array(let values) = value, !values.isEmpty else {
      throw bad(name, value, "a list of one or more \(noun)")
    }
    return values
  }

  /// A required list of one or more different integers in `range`.
  package mutating func integers(
    _ name: String, in range: ClosedRange<Int>
  ) throws(Failure) -> [Int] {
    let legal = "whole numbers from \(range.lowerBound) to \(range.upperBound)"
    var numbers: [Int] = []
    for value in try list(name, of: legal) {
      guard let number = value.wholeNumber, range.contains(number) else {
        throw bad(name, value, "a list of one or more \(legal)")
      }
      guard !numbers.contains(number) else {
        throw fail("'\(name)' of '\(place)' has \(number) twice; give it once")
      }
      numbers.append(number)
    }
    return numbers
  }

  /// One of the names of `Choice`, or else `standard`.
  package mutating func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, default standard: Choice
  ) throws(Failure) -> Choice where Choice.RawValue == String {
    guard let value = optional(name) else { return standard }
    guard case .string(let text) = value, let choice = Choice(rawValue: text) else {
      let legal = Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
      throw bad(name, value, "one of \(legal)")
    }
    return choice
  }

  /// A required list of one or more names of `Choice`.
  package mutating func choices<Choice: RawRepresentable & CaseIterable>(
    _ name: String, of type: Choice.Type
  ) throws(Failure) -> [Choice] where Choice.RawValue == String {
    let value = try value(name)
    let legal = Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
    guard case .array(let names) = value, !names.isEmpty else {
      throw bad(name, value, "a list of \(legal)")
    }
    var choices: [Choice] = []
    for entry in names {
      guard case .string(let text) = entry, let choice = Choice(rawValue: text) else {
        throw bad(name, entry, "a list of \(legal)")
      }
      choices.append(choice)
    }
    return choices
  }

  /// Throws if the object has a member that was never read.
  package func refuseUnknown() throws(Failure) {
    guard let stranger = members.keys.filter({ !asked.contains($0) }).min() else { return }
    throw fail(
      "'\(place)' has no member '\(stranger)'\(suggestion(for: stranger, among: asked.sorted())); "
        + "it has \(asked.sorted().joined(separator: ", "))")
  }

  /// The error of a member with an unusable value.
  package func bad(_ name: String, _ value: JSONValue, _ legal: String) -> Failure {
    fail("'\(name)' of '\(place)' is \(value.excerpt); it must be \(legal)")
  }
}
