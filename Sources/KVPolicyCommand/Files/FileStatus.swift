import Foundation

/// The device and inode of a file: equal for all names of one file.
struct FileIdentity: Hashable {
  let device: UInt64
  let inode: UInt64
}

/// What the system says about an existing file.
struct FileStatus {
  private let information: stat

  /// The status of the file at a path, links followed; nil if no file exists there.
  static func of(_ path: String) throws(SystemError) -> FileStatus? {
    var information = stat()
    guard unsafe stat(path, &information) == 0 else {
      if errno == ENOENT { return nil }
      throw .last
    }
    return FileStatus(information: information)
  }

  /// The status of an open file.
  static func of(_ file: Descriptor) throws(SystemError) -> FileStatus {
    var information = stat()
    guard unsafe fstat(file.number, &information) == 0 else { throw .last }
    return FileStatus(information: information)
  }

  /// The device and inode.
  var identity: FileIdentity {
    FileIdentity(
      device: UInt64(truncatingIfNeeded: information.st_dev), inode: UInt64(information.st_ino))
  }

  /// The type of the file: `S_IFREG`, `S_IFDIR`…
  var kind: mode_t { information.st_mode & S_IFMT }
  /// The permissions, with the bits beside them (`S_ISUID`…).
  var permissions: mode_t { information.st_mode & ~S_IFMT }
  /// The user and the group that own the file.
  var owner: (user: uid_t, group: gid_t) { (information.st_uid, information.st_gid) }
  /// The number of names; 0 for an open file that was removed.
  var names: Int { Int(information.st_nlink) }
}
