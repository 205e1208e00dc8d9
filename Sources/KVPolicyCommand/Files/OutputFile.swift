import Foundation

/// A file that appears whole or not at all: written beside its place, then renamed into it. A place that
/// cannot be renamed over, such as a pipe or a device, is written to as it is.
struct OutputFile {
  /// The path as given, or `-` for standard output.
  let path: String
  private let terminal: Terminal
  /// Where it really is: links are followed, so that a link stays one.
  private let target: String
  /// Whether the place is taken by something that cannot be renamed over.
  private let isStream: Bool

  /// Checks that the file can be written, so that a mistake shows before a long run and not after it.
  init(_ path: String, terminal: Terminal) throws(CommandError) {
    self.path = path
    self.terminal = terminal
    target = OutputFile.followingLinks(path)
    // Asked of the path as given: what `/dev/stdout` leads to need not have a path of its own.
    let kind = OutputFile.kind(path)
    isStream = kind.map { $0 != S_IFREG } ?? false
    guard path != "-" else { return }
    let beside = temporaryPath
    try attempt { () throws(SystemError) in
      if kind == S_IFDIR || (kind == nil && path.hasSuffix("/")) { throw SystemError(code: EISDIR) }
      if kind != nil { try Descriptor.checkWritable(path) }
      guard kind == nil || kind == S_IFREG else { return }
      try Descriptor.writing(beside, isNew: true).close()
      unsafe unlink(beside)
    }
  }

  /// Whether it is standard output.
  var isStandardOutput: Bool { path == "-" }

  /// Whether it is the same file as `other`.
  func isSame(as other: String) -> Bool {
    path == other || target == OutputFile.followingLinks(other)
  }

  /// Writes text.
  func write(_ text: String) throws(CommandError) {
    if isStandardOutput { try terminal.print(text) } else { try write(Array(text.utf8)) }
  }

  /// Writes bytes; not for standard output.
  func write(_ bytes: [UInt8]) throws(CommandError) {
    try attempt { () throws(SystemError) in
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

  private func attempt(_ body: () throws(SystemError) -> Void) throws(CommandError) {
    do throws(SystemError) {
      try body()
    } catch {
      let reason = error.code == ENXIO ? "nobody reads from it" : error.reason
      throw .failure("cannot write \(path): \(reason)")
    }
  }

  /// A name in the target's folder that no other process takes. It does not contain the target's own,
  /// which may be as long as names can be.
  private var temporaryPath: String {
    let folder = target.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/")
    let name = "\(ProcessInfo.processInfo.processIdentifier).\(UInt32.random(in: 0...UInt32.max))"
    return "\(folder)/.kvpolicy.\(name)"
  }

  /// The absolute path that links, also one to a file that is not there yet, lead to.
  private static func followingLinks(_ path: String) -> String {
    var url = URL(fileURLWithPath: path)
    // As many as the system follows before it calls them a loop.
    for _ in 0..<40 {
      url = url.resolvingSymlinksInPath()
      let next = try? FileManager.default.destinationOfSymbolicLink(atPath: url.path)
      guard let next else { break }
      url = URL(fileURLWithPath: next, relativeTo: url.deletingLastPathComponent()).absoluteURL
    }
    return url.path
  }

  /// What is at a path, links followed: `S_IFREG`, `S_IFDIR`…, or nil if nothing is.
  private static func kind(_ path: String) -> mode_t? {
    var information = stat()
    guard unsafe stat(path, &information) == 0 else { return nil }
    return information.st_mode & S_IFMT
  }
}
