import ReferenceModel

extension Arithmetic {
  /// What a heading says of the arithmetic, after the threads: nothing if it is exact.
  var note: String { self == .exact ? "" : ", \(rawValue) arithmetic" }
}
