import ReferenceModel

extension Arithmetic {
  /// The arithmetic as headings say it after the threads; empty for exact arithmetic.
  var note: String { self == .exact ? "" : ", \(rawValue) arithmetic" }
}
