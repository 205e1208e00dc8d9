/// An output that is written piece by piece. A file appears, whole, when it is finished; if it
/// never is, the folder stays as it was. Standard output, pipes and devices get every piece as it
/// comes.
final class OutputWriter {
  private enum Place {
    case standardOutput
    case stream(OpenStream)
    case file(TemporaryFile)
  }

  /// Bytes that are collected before they are written.
  private static let room = 1 << 16

  private let output: OutputFile
  private let place: Place
  private var waiting: [UInt8] = []

  /// Begins to write.
  init(_ output: OutputFile) throws(CommandError) {
    self.output = output
    if output.isStandardOutput {
      place = .standardOutput
    } else if let stream = output.stream {
      place = .stream(stream)
    } else {
      place = .file(try output.makeTemporary())
    }
  }

  /// Writes text.
  func write(_ text: String) throws(CommandError) { try write(Array(text.utf8)) }

  /// Writes bytes; for standard output, those of a text.
  func write(_ bytes: [UInt8]) throws(CommandError) {
    if case .standardOutput = place {
      return try output.terminal.print(String(decoding: bytes, as: UTF8.self))
    }
    waiting += bytes
    if waiting.count >= OutputWriter.room { try flush() }
  }

  /// Ends the output; a file now replaces the older file at its path.
  ///
  /// - Throws: `CommandError.usage` if that file has become one that this run reads.
  func finish() throws(CommandError) {
    try flush()
    guard case .file(let file) = place else { return }
    try output.checkNotRead()
    try output.attempt { () throws(SystemError) in try file.replace(output.target) }
  }

  private func flush() throws(CommandError) {
    guard !waiting.isEmpty else { return }
    defer { waiting.removeAll(keepingCapacity: true) }
    try output.attempt { () throws(SystemError) in
      switch place {
      case .standardOutput: break
      case .stream(let stream): try stream.file.write(waiting)
      case .file(let file): try file.write(waiting)
      }
    }
  }
}

/// An open pipe or device, closed when the last user lets it go.
final class OpenStream {
  let file: Descriptor

  /// Opens the pipe or device at a path.
  init(_ path: String) throws(SystemError) { file = try Descriptor.writing(path, isNew: false) }

  deinit { try? file.close() }
}
