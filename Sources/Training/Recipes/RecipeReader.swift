import KVPolicyKit

/// Reads one JSON object member by member. `refuseUnknown` then throws for a member that was never
/// read.
struct RecipeReader {
  /// The name of the object in messages: `recipe`, `stages[2]`.
  let place: String
  private let members: [String: JSONValue]
  private var asked: Set<String> = []

  init(_ value: JSONValue, place: String) throws(TrainingError) {
    guard case .object(let members) = value else {
      throw .recipe("'\(place)' is \(value.excerpt); it must be an object")
    }
    self.place = place
    self.members = members
  }

  /// A required member.
  mutating func value(_ name: String) throws(TrainingError) -> JSONValue {
    asked.insert(name)
    guard let value = members[name] else {
      throw .recipe("'\(place)' has no '\(name)'; give it")
    }
    return value
  }

  /// A required integer in `range`.
  mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(TrainingError) -> Int {
    let value = try value(name)
    guard let whole = value.wholeNumber, range.contains(whole) else {
      throw bad(name, value, "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return whole
  }

  /// A required number in `range`.
  mutating func number(
    _ name: String, in range: ClosedRange<Double>
  ) throws(TrainingError) -> Double {
    let value = try value(name)
    guard let number = value.realNumber, range.contains(number) else {
      throw bad(name, value, "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A required pair of integers in `range`: the least and the most.
  mutating func span(
    _ name: String, in range: ClosedRange<Int>
  ) throws(TrainingError) -> ClosedRange<Int> {
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

  /// A required list of one or more names of `Choice`.
  mutating func choices<Choice: RawRepresentable & CaseIterable>(
    _ name: String, of type: Choice.Type
  ) throws(TrainingError) -> [Choice] where Choice.RawValue == String {
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
  func refuseUnknown() throws(TrainingError) {
    guard let stranger = members.keys.filter({ !asked.contains($0) }).min() else { return }
    throw .recipe(
      "'\(place)' has no member '\(stranger)'; it has \(asked.sorted().joined(separator: ", "))")
  }

  private func bad(_ name: String, _ value: JSONValue, _ legal: String) -> TrainingError {
    .recipe("'\(name)' of '\(place)' is \(value.excerpt); it must be \(legal)")
  }
}
