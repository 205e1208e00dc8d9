import Foundation

/// A file under a name of its own, in the folder of the file that it will replace.
///
/// Its maker holds a lock on it. The system gives the lock up when the maker's process ends,
/// however it ends, so a file without a lock is abandoned, and the next run that writes into the
/// folder removes it. A process number would not do: numbers are used again, and mean nothing on
/// another host or in another container that shares the folder. Locks reach across the hosts of an
/// NFS volume. Where the file system has no locks, abandoned files stay.
final class TemporaryFile {
  private let path: String
  private let file: Descriptor
  private var isThere = true

  /// Makes the file, beside `target`.
  ///
  /// - Parameter isPrivate: whether only the owner may read it until it replaces the target.
  init(beside target: String, isPrivate: Bool) throws(SystemError) {
    while true {
      let path = TemporaryFile.folder(of: target) + "/" + TemporaryFile.makeName()
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
    if isThere { unsafe unlink(path) }
    try? file.close()
  }

  /// Writes all of `bytes`.
  func write(_ bytes: [UInt8]) throws(SystemError) { try file.write(bytes) }

  /// Gives the file the target's mode and owner and then its name. The data are on the disk before
  /// the target is gone.
  func replace(_ target: String) throws(SystemError) {
    if let old = try FileStatus.of(target) { file.take(owner: old.owner, mode: old.permissions) }
    try file.synchronise()
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
      if name.wholeMatch(of: /\.kvpolicy\.[0-9]+\.[0-9]+/) != nil { remove(folder + "/" + name) }
    }
  }

  /// Removes the file at `path`, unless a process holds its lock or it belongs to another user.
  private static func remove(_ path: String) {
    guard let file = try? Descriptor.writing(path, isNew: false, followsLinks: false) else {
      return
    }
    defer { try? file.close() }
    guard file.lock(waits: false), let status = try? FileStatus.of(file), status.kind == S_IFREG,
      status.owner.user == geteuid(),
      (try? FileStatus.of(path))?.identity == status.identity
    else { return }
    unsafe unlink(path)
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
