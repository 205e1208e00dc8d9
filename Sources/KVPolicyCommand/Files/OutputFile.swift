import Foundation

/// A file that appears whole or not at all: written under a temporary name in the same folder, then
/// renamed. A pipe or a device, which a rename would replace, is written directly.
struct OutputFile {
  /// The path as given, or `-` for standard output.
  let path: String
  private let terminal: Terminal
  /// The path with links followed, so that writing keeps a link a link.
  private let target: String
  /// Whether the path is that of a pipe or a device.
  private let isStream: Bool

  /// Checks that the file can be written, so that a mistake shows before a long run and not after
  /// it.
  init(_ path: String, terminal: Terminal) throws(CommandError) {
    self.path = path
    self.terminal = terminal
    target = OutputFile.followingLinks(path)
    // Uses the path as given: the target of `/dev/stdout` need not have a path of its own.
    let kind = try OutputFile.attempt(path) { () throws(SystemError) in
      path == "-" ? nil : try OutputFile.kind(path)
    }
    isStream = kind.map { $0 != S_IFREG } ?? false
    guard path != "-" else { return }
    let beside = temporaryPath
    try OutputFile.attempt(path) { () throws(SystemError) in
      if kind == S_IFDIR || (kind == nil && path.hasSuffix("/")) { throw SystemError(code: EISDIR) }
      if kind != nil { try Descriptor.checkWritable(path) }
      guard kind == nil || kind == S_IFREG else { return }
      try Descriptor.writing(beside, isNew: true).close()
      unsafe unlink(beside)
    }
  }

  /// Whether the file is standard output.
  var isStandardOutput: Bool { path == "-" }

  /// Whether the file is the same as the file at `other`.
  func isSame(as other: String) -> Bool {
    path == other || target == OutputFile.followingLinks(other)
  }

  /// Writes text.
  func write(_ text: String) throws(CommandError) {
    if isStandardOutput { try terminal.print(text) } else { try write(Array(text.utf8)) }
  }

  /// Writes bytes. Not for standard output.
  func write(_ bytes: [UInt8]) throws(CommandError) {
    try OutputFile.attempt(path) { () throws(SystemError) in
      if isStream {
        let file = try Descriptor.writing(path, isNew: false)
        defer { try? file.close() }
        return try file.write(bytes)
      }
      let beside = temporaryPath
      let file = try Descriptor.writing(beside, isNew: true)
      do throws(SystemError) {
        try file.write(bytes)
        try file.close()
        guard unsafe rename(beside, target) == 0 else { throw SystemError.last }
      } catch {
        unsafe unlink(beside)
        throw error
      }
    }
  }

  private static func attempt<Result>(
    _ path: String, _ body: () throws(SystemError) -> Result
  ) throws(CommandError) -> Result {
    do throws(SystemError) {
      return try body()
    } catch {
      let reason = error.code == ENXIO ? "nobody reads from it" : error.reason
      throw .failure("cannot write \(path): \(reason)")
    }
  }

  /// A path in the target's folder that no other process uses. The file name does not contain the
  /// target's name, which may already have the greatest legal length.
  private var temporaryPath: String {
    let folder = target.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/")
    let name = "\(ProcessInfo.processInfo.processIdentifier).\(UInt32.random(in: 0...UInt32.max))"
    return "\(folder)/.kvpolicy.\(name)"
  }

  /// The absolute path after following links, including a link to a file that does not exist yet.
  private static func followingLinks(_ path: String) -> String {
    var url = URL(fileURLWithPath: path)
    // The number of links that the system follows before it reports a loop.
    for _ in 0..<40 {
      url = url.resolvingSymlinksInPath()
      let next = try? FileManager.default.destinationOfSymbolicLink(atPath: url.path)
      guard let next else { break }
      url = URL(fileURLWithPath: next, relativeTo: url.deletingLastPathComponent()).absoluteURL
    }
    return url.path
  }

  /// The type of the file at a path, links followed: `S_IFREG`, `S_IFDIR`…, or nil if no file
  /// exists.
  private static func kind(_ path: String) throws(SystemError) -> mode_t? {
    var information = stat()
    guard unsafe stat(path, &information) == 0 else {
      if errno == ENOENT { return nil }
      throw .last
    }
    return information.st_mode & S_IFMT
  }
}
