import KVPolicyKit

/// A file that the command line names, for reading.
struct InputFile {
  /// The largest number of bytes of a file.
  static let limit = 64 << 20

  /// The path, or `-` for standard input.
  let path: String
  let terminal: Terminal
  /// Whether the file counts as one that the run reads, which no output may replace. The log of a
  /// resumed training does not: the run itself writes it.
  var isProtected = false
  /// The largest number of bytes that are read.
  var mostBytes = InputFile.limit

  /// The name of the file in messages.
  var name: String { path == "-" ? "standard input" : path }

  /// All bytes of the file.
  func bytes() throws(CommandError) -> [UInt8] {
    if path == "-" {
      if isProtected { terminal.addStandardInput() }
      return try collect { count throws(CommandError) in
        do throws(Terminal.Failure) {
          return try terminal.read(count)
        } catch {
          throw failure(error)
        }
      }
    }
    let file = try system { () throws(SystemError) in try Descriptor.reading(path) }
    defer { try? file.close() }
    if isProtected { terminal.reads.add(file, name: path) }
    return try collect { count throws(CommandError) in
      try system { () throws(SystemError) in try file.read(count) }
    }
  }

  private func system<Result>(
    _ body: () throws(SystemError) -> Result
  ) throws(CommandError) -> Result {
    do throws(SystemError) {
      return try body()
    } catch {
      throw .failure("cannot read \(path): \(error.reason)")
    }
  }

  /// All bytes of the file as text.
  func text() throws(CommandError) -> String {
    let bytes = try bytes()
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let place = TextPlace(ofInvalidUTF8In: bytes)
      throw .failure(
        "\(name) is not UTF-8 text"
          + (place.map { " (line \($0.line), column \($0.column))" } ?? "") + "; convert it first")
    }
    return text
  }

  private func collect(
    _ read: (Int) throws(CommandError) -> [UInt8]
  ) throws(CommandError) -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let part = try read(1 << 16)
      if part.isEmpty { return all }
      all += part
      guard all.count <= mostBytes else {
        throw .failure("\(name) is larger than \(mostBytes >> 20) MiB; give a smaller file")
      }
    }
  }

  private func failure(_ error: Terminal.Failure) -> CommandError {
    switch error {
    case .closed: .failure("cannot read standard input: it is closed")
    case .failed(let reason): .failure("cannot read standard input: \(reason)")
    }
  }
}
