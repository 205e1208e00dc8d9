/// Reads standard input line by line, so that a command answers a line before the next one arrives.
struct LineReader {
  let terminal: Terminal
  private var buffer: [UInt8] = []
  private var start = 0
  private var isAtEnd = false

  init(terminal: Terminal) { self.terminal = terminal }

  /// The next line without its line end, or nil at the end. The last line may lack a line end.
  ///
  /// - Throws: `CommandError.failure` for a line longer than `InputFile.limit`, or input that
  ///   cannot be read.
  mutating func next() throws(CommandError) -> [UInt8]? {
    var searched = start
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { start = end + 1 }
        return Array(buffer[start..<end])
      }
      guard !isAtEnd else { return rest() }
      searched = buffer.count
      try fill(&searched)
    }
  }

  private mutating func rest() -> [UInt8]? {
    defer { start = buffer.count }
    return start < buffer.count ? Array(buffer[start...]) : nil
  }

  private mutating func fill(_ searched: inout Int) throws(CommandError) {
    buffer.removeFirst(start)
    searched -= start
    start = 0
    guard buffer.count <= InputFile.limit else {
      throw .failure("a line of standard input is longer than \(InputFile.limit >> 20) MiB")
    }
    do {
      let part = try terminal.read(1 << 16)
      isAtEnd = part.isEmpty
      buffer += part
    } catch {
      switch error {
      case .closed: isAtEnd = true
      case .failed(let reason): throw .failure("cannot read standard input: \(reason)")
      }
    }
  }
}
