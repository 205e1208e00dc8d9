import Foundation

/// A file under a name of its own, in the folder of the file that it will replace.
///
/// Its maker holds a lock on it. The system gives the lock up when the maker's process ends,
/// however it ends, so a file without a lock is abandoned, and the next run that writes into the
/// folder removes it. A process number would not do: numbers are used again, and mean nothing on
/// another host or in another container that shares the folder. Locks reach across the hosts of an
/// NFS volume. Where the file system has no locks, abandoned files stay.
final class TemporaryFile {
  /// A step that changes the disk.
  enum Step: Sendable {
    /// Creates an empty file.
    case create(String)
    /// Appends the bytes to a file.
    case write([UInt8], to: String)
    /// Waits until the data of a file are on the disk.
    case synchronise(String)
    /// Gives a file its final name.
    case rename(String, to: String)
    /// Removes a file.
    case remove(String)
  }

  /// Called before each step; the step fails with the error that it returns. A test ends a run at a
  /// step, as killing the process would, when this and all later steps fail, removing included.
  @TaskLocal static var beforeStep: (@Sendable (Step) -> SystemError?)?

  private let path: String
  private let file: Descriptor
  private var isThere = true

  /// Makes the file, beside `target`.
  ///
  /// - Parameter isPrivate: whether only the owner may read it until it replaces the target.
  init(beside target: String, isPrivate: Bool) throws(SystemError) {
    while true {
      let path = TemporaryFile.folder(of: target) + "/" + TemporaryFile.makeName()
      try TemporaryFile.begin(.create(path))
      let file = try Descriptor.writing(path, isNew: true, mode: isPrivate ? 0o600 : 0o666)
      file.lock()
      // Another run may have found the file before it had a lock, and removed it.
      if (try? FileStatus.of(file))?.names != 0 {
        (self.path, self.file) = (path, file)
        return
      }
      try? file.close()
    }
  }

  deinit {
    if isThere { try? TemporaryFile.remove(path) }
    try? file.close()
  }

  /// Writes all of `bytes`.
  func write(_ bytes: [UInt8]) throws(SystemError) {
    try TemporaryFile.begin(.write(bytes, to: path))
    try file.write(bytes)
  }

  /// Gives the file the target's mode and owner and then its name. The data are on the disk before
  /// the target is gone.
  func replace(_ target: String) throws(SystemError) {
    if let old = try FileStatus.of(target) { file.take(owner: old.owner, mode: old.permissions) }
    try TemporaryFile.begin(.synchronise(path))
    try file.synchronise()
    try TemporaryFile.begin(.rename(path, to: target))
    guard unsafe rename(path, target) == 0 else { throw .last }
    isThere = false
    // The file is whole already. Not every file system can synchronise a folder.
    if let folder = try? Descriptor.reading(TemporaryFile.folder(of: target) + "/") {
      try? folder.synchronise()
      try? folder.close()
    }
  }

  /// Removes what runs left in the target's folder that ended before they could remove it.
  static func removeAbandoned(beside target: String) {
    let folder = folder(of: target)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder + "/")) ?? [] {
      if name.wholeMatch(of: /\.kvpolicy\.[0-9]+\.[0-9]+/) != nil {
        removeIfAbandoned(folder + "/" + name)
      }
    }
  }

  /// Removes the file at `path`, unless a process holds its lock or it belongs to another user.
  private static func removeIfAbandoned(_ path: String) {
    guard let file = try? Descriptor.writing(path, isNew: false, followsLinks: false) else {
      return
    }
    defer { try? file.close() }
    guard file.lock(waits: false), let status = try? FileStatus.of(file), status.kind == S_IFREG,
      status.owner.user == geteuid(),
      (try? FileStatus.of(path))?.identity == status.identity
    else { return }
    try? remove(path)
  }

  private static func begin(_ step: Step) throws(SystemError) {
    if let error = beforeStep?(step) { throw error }
  }

  private static func remove(_ path: String) throws(SystemError) {
    try begin(.remove(path))
    guard unsafe unlink(path) == 0 else { throw .last }
  }

  /// A file name that no other process uses. It does not contain the target's name, which may
  /// already have the greatest legal length.
  private static func makeName() -> String {
    let process = ProcessInfo.processInfo.processIdentifier
    return ".kvpolicy.\(process).\(UInt32.random(in: 0...UInt32.max))"
  }

  /// The folder of an absolute path, without a slash at its end.
  static func folder(of target: String) -> String {
    target.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
  }
}
