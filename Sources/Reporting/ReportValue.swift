import KVPolicyKit

/// The value of a report's cell for programs: a number, a word, or nothing.
package protocol ReportValue {
  /// The value as JSON keeps it; `null` where there is none.
  var json: JSONValue { get }
}

extension Int: ReportValue {
  /// The number.
  package var json: JSONValue { .integer(self) }
}

extension Double: ReportValue {
  /// The number. JSON lacks numbers that are not finite: they are `"inf"`, `"-inf"` and `"nan"`.
  package var json: JSONValue { isFinite ? .number(self) : .string("\(self)") }
}

extension Bool: ReportValue {
  /// The answer.
  package var json: JSONValue { .bool(self) }
}

extension String: ReportValue {
  /// The text.
  package var json: JSONValue { .string(self) }
}

extension JSONValue: ReportValue {
  /// The value itself.
  package var json: JSONValue { self }
}

extension Optional: ReportValue where Wrapped: ReportValue {
  /// The value, or `null`.
  package var json: JSONValue { self?.json ?? .null }
}
