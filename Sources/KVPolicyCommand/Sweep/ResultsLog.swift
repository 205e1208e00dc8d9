import Evaluation
import Foundation

/// A results file that a sweep adds records to: one line for each, on the disk before the next cell
/// begins.
///
/// Whoever kills the program loses the cells at hand and nothing else. The process holds a lock on
/// the file, so two sweeps cannot write into one file; the system gives the lock up when the
/// process ends, however it ends.
final class ResultsLog {
  private let path: String
  private let file: Descriptor
  private var size: Int
  /// The records that the file held.
  let lines: [SweepLine]

  /// Opens the file, or makes it. Cuts off a record that was not finished, with a note.
  ///
  /// - Throws: `CommandError.failure` for a file that cannot be written or that another process
  ///   writes, `CommandError.usage` for a file that the run reads, `SweepError.results` for a file
  ///   that holds something else.
  init(_ path: String, terminal: Terminal) throws {
    guard path != "-" else { throw CommandError.usage("--out cannot be '-'; name a file") }
    self.path = path
    let file = try ResultsLog.attempt(path) { () throws(SystemError) in
      try Descriptor.appending(path)
    }
    self.file = file
    do {
      let status = try ResultsLog.attempt(path) { () throws(SystemError) in
        try FileStatus.of(file)
      }
      guard status.kind == S_IFREG else {
        throw CommandError.failure(
          "\(path) is not a regular file, so a sweep cannot go on with it; name a file")
      }
      if let name = terminal.reads.name(of: status.identity) {
        let meaning = name == path ? "" : ", where its name is \(name)"
        throw CommandError.usage(
          "\(path) is an input of this command\(meaning); write somewhere else")
      }
      if terminal.writes(to: status.identity) {
        throw CommandError.usage(
          "\(path) is where standard output or standard error goes; name another file")
      }
      try ResultsLog.lock(file, path, terminal)
      let content = try ResultsFile(ResultsLog.content(file, path), name: path)
      (lines, size) = (content.lines, content.whole)
      if content.torn > 0 {
        try ResultsLog.attempt(path) { () throws(SystemError) in
          try file.truncate(to: content.whole)
        }
        terminal.note(
          "the last record of \(path) was not finished; its \(content.torn) bytes were cut off")
      }
    } catch {
      try? file.close()
      throw error
    }
  }

  deinit { try? file.close() }

  /// Adds a record, and waits until it is on the disk.
  func append(_ record: SweepRecord) throws {
    let bytes = Array(try record.line().utf8)
    do throws(SystemError) {
      try file.write(bytes)
      try file.synchronise()
    } catch {
      // A record that is written by half would be cut off by the next run; a full disk can still
      // be shortened.
      try? file.truncate(to: size)
      throw CommandError.failure("cannot write \(path): \(error.reason)")
    }
    size += bytes.count
  }

  private static func lock(
    _ file: Descriptor, _ path: String, _ terminal: Terminal
  ) throws(CommandError) {
    do throws(SystemError) {
      guard try file.lockOrRefuse() else { throw SystemError(code: EWOULDBLOCK) }
    } catch {
      guard error.code != EWOULDBLOCK else {
        throw .failure(
          "another sweep writes \(path); wait for it, or name another file and merge both")
      }
      terminal.note(
        "\(path) cannot be locked (\(error.reason)); see that no other sweep writes it")
    }
  }

  private static func content(_ file: Descriptor, _ path: String) throws(CommandError) -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let part = try attempt(path) { () throws(SystemError) in try file.read(1 << 20) }
      if part.isEmpty { return all }
      all += part
      guard all.count <= ResultsFile.limit else {
        throw .failure(
          "\(path) is larger than \(ResultsFile.limit >> 20) MiB; name another file")
      }
    }
  }

  private static func attempt<Result>(
    _ path: String, _ body: () throws(SystemError) -> Result
  ) throws(CommandError) -> Result {
    do throws(SystemError) {
      return try body()
    } catch {
      throw .failure("cannot write \(path): \(error.reason)")
    }
  }
}
