/// Reads a mapped file from front to back. Every read names what it reads, so that the error for a
/// truncated file or a false length says what is wrong.
struct ByteCursor {
  /// The file to read.
  let file: MappedFile
  /// The next byte to read; never past the end.
  private(set) var offset = 0

  /// Starts at the first byte of `file`.
  init(_ file: MappedFile) { self.file = file }

  /// Bytes not yet read.
  var remaining: Int { file.count - offset }

  /// The next little-endian integer.
  mutating func integer<Number: FixedWidthInteger>(
    _ type: Number.Type, of what: @autoclosure () -> String
  ) throws(ModelError) -> Number {
    guard let value = file.integer(at: offset, as: type) else { throw ended(in: what()) }
    offset += MemoryLayout<Number>.size
    return value
  }

  /// A 64-bit count of items of at least `bytes` bytes each. The count is checked against the
  /// remaining bytes, so that a false count never makes a reader allocate.
  mutating func count(
    of what: @autoclosure () -> String, eachAtLeast bytes: Int
  ) throws(ModelError) -> Int {
    let claimed = try integer(UInt64.self, of: "the number of \(what())")
    let possible = remaining / bytes
    guard claimed <= UInt64(possible) else {
      throw .malformed(
        file: file.path,
        reason: "it claims \(claimed) \(what()), but the \(remaining) bytes left can hold at most "
          + "\(possible)")
    }
    return Int(claimed)
  }

  /// Text, stored after its length in bytes (64 bits); nil if the bytes are not UTF-8.
  mutating func text(
    of what: @autoclosure () -> String, limit: Int = .max
  ) throws(ModelError) -> String? {
    let claimed = try integer(UInt64.self, of: "the length of \(what())")
    guard claimed <= UInt64(remaining) else {
      throw .malformed(
        file: file.path,
        reason: "\(what()) claims \(claimed) bytes, but only \(remaining) are left")
    }
    let length = Int(claimed)
    guard length <= limit else {
      throw .malformed(
        file: file.path, reason: "\(what()) is \(length) bytes long; at most \(limit) are allowed")
    }
    defer { offset += length }
    return file.text(at: offset, bytes: length)
  }

  /// Passes over `count` items of `bytes` bytes each.
  mutating func skip(
    _ count: Int, eachOf bytes: Int, of what: @autoclosure () -> String
  ) throws(ModelError) {
    let (length, overflow) = count.multipliedReportingOverflow(by: bytes)
    guard !overflow, length <= remaining else { throw ended(in: what()) }
    offset += length
  }

  /// The error for a file that ends too soon.
  private func ended(in what: String) -> ModelError {
    .malformed(
      file: file.path,
      reason: "the file ends inside \(what) (byte \(offset) of \(file.count)); is it cut short?")
  }
}
