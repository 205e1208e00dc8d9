import Foundation

/// A file that appears whole or not at all: written under a temporary name in the same folder, then
/// renamed. It keeps the mode and owner of the file that it replaces, and never replaces a file
/// that the run reads. A pipe or a device, which a rename would replace, is written directly.
struct OutputFile {
  /// The path as given, or `-` for standard output.
  let path: String
  let terminal: Terminal
  /// The path with links followed, so that writing keeps a link a link.
  let target: String
  /// The pipe or device at the path, open from the start, so that a reader of a pipe waits for the
  /// results; nil for a file.
  let stream: OpenStream?

  /// Checks that the file can be written, so that a mistake shows before a long run and not after
  /// it. Removes what killed runs left beside it.
  ///
  /// - Throws: `CommandError.failure` if it cannot be written, `CommandError.usage` if standard
  ///   output or standard error goes to this file as well.
  init(_ path: String, terminal: Terminal) throws(CommandError) {
    self.path = path
    self.terminal = terminal
    target = OutputFile.followingLinks(path)
    guard path != "-" else {
      stream = nil
      return
    }
    // Uses the path as given: the target of `/dev/stdout` need not have a path of its own.
    let old = try OutputFile.attempt(path) { () throws(SystemError) in try FileStatus.of(path) }
    stream = try OutputFile.attempt(path) { () throws(SystemError) in
      guard let old else {
        if path.hasSuffix("/") { throw SystemError(code: EISDIR) }
        return nil
      }
      if old.kind == S_IFDIR { throw SystemError(code: EISDIR) }
      try Descriptor.checkWritable(path)
      return old.kind == S_IFREG ? nil : try OpenStream(path)
    }
    guard stream == nil else { return }
    if let old, terminal.writes(to: old.identity) {
      throw .usage("\(path) is where standard output or standard error goes; name another file")
    }
    TemporaryFile.removeAbandoned(beside: target)
    _ = try makeTemporary()
  }

  /// Whether the file is standard output.
  var isStandardOutput: Bool { path == "-" }

  /// Whether both are one file, perhaps under two names.
  func isSame(as other: OutputFile) -> Bool {
    if path == other.path || target == other.target { return true }
    guard !isStandardOutput, !other.isStandardOutput else { return false }
    if let identity, identity == other.identity { return true }
    return name == other.name && folder != nil && folder == other.folder
  }

  /// - Throws: `CommandError.usage` if the file is one that the run reads.
  func checkNotRead() throws(CommandError) {
    guard !isStandardOutput, stream == nil, let identity,
      let name = terminal.reads.name(of: identity)
    else { return }
    let meaning = name == path ? "" : ", where its name is \(name)"
    throw .usage("\(path) is an input of this command\(meaning); write somewhere else")
  }

  /// Writes text.
  func write(_ text: String) throws(CommandError) { try write(Array(text.utf8)) }

  /// Writes bytes; for standard output, those of a text.
  func write(_ bytes: [UInt8]) throws(CommandError) {
    let writer = try OutputWriter(self)
    try writer.write(bytes)
    try writer.finish()
  }

  /// A temporary file that can replace the file.
  func makeTemporary() throws(CommandError) -> TemporaryFile {
    try attempt { () throws(SystemError) in
      try TemporaryFile(beside: target, isPrivate: try FileStatus.of(target) != nil)
    }
  }

  /// Runs `body`, and names the file in its error.
  func attempt<Result>(
    _ body: () throws(SystemError) -> Result
  ) throws(CommandError) -> Result {
    try OutputFile.attempt(path, body)
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

  /// The device and inode of the file, if it exists.
  private var identity: FileIdentity? { (try? FileStatus.of(target))?.identity }
  /// The device and inode of the file's folder.
  private var folder: FileIdentity? {
    (try? FileStatus.of(TemporaryFile.folder(of: target) + "/"))?.identity
  }
  /// The file's name in its folder.
  private var name: Substring? { target.split(separator: "/").last }

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
}
