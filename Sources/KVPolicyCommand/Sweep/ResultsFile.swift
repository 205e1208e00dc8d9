import Evaluation

/// A file of sweep records, for reading.
struct ResultsFile {
  /// The most bytes of a file: a million records of a kilobyte.
  static let limit = 1 << 30

  /// The lines that end with a line end.
  let lines: [SweepLine]
  /// Bytes after the last line end: the part of a record that was not finished.
  let torn: Int
  /// Bytes of the lines, with their ends.
  let whole: Int

  /// Reads a file. Empty lines are left out.
  init(_ file: InputFile) throws {
    var file = file
    file.mostBytes = ResultsFile.limit
    try self.init(try file.bytes(), name: file.name)
  }

  /// Reads the bytes of a file.
  init(_ bytes: [UInt8], name: String) throws {
    whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    torn = bytes.count - whole
    var lines: [SweepLine] = []
    let parts = bytes[..<whole].split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in parts.enumerated() where !line.isEmpty {
      let place = "\(name), line \(index + 1)"
      guard let text = String(validating: line, as: UTF8.self) else {
        throw SweepError.results("\(place): it is not UTF-8")
      }
      lines.append(try SweepLine(text, place: place))
    }
    self.lines = lines
  }
}
