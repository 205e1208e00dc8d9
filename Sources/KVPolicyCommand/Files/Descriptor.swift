import Foundation

/// An error number of the operating system.
struct SystemError: Error, Equatable {
  let code: Int32

  /// The error of the last system call.
  static var last: SystemError { SystemError(code: errno) }

  /// The system's message for the error.
  var reason: String {
    // `strerror` returns a string that is valid until its next call.
    guard let text = unsafe strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
  }
}

/// A file descriptor. Its user closes it, or leaves it open.
struct Descriptor {
  let number: Int32

  static let standardInput = Descriptor(number: 0)
  static let standardOutput = Descriptor(number: 1)
  static let standardError = Descriptor(number: 2)
  /// The three streams, by number.
  static let standard = [standardInput, standardOutput, standardError]

  private init(number: Int32) { self.number = number }

  /// Opens a file for reading.
  static func reading(_ path: String) throws(SystemError) -> Descriptor {
    let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { throw .last }
    return Descriptor(number: number)
  }

  /// Opens a file for writing: a new file with the permissions `mode` if `isNew`, else an existing
  /// one.
  ///
  /// - Throws: among others `ENXIO` for a named pipe without a reader, for which opening would
  ///   otherwise wait.
  static func writing(
    _ path: String, isNew: Bool, mode: mode_t = 0o666, followsLinks: Bool = true
  ) throws(SystemError) -> Descriptor {
    let kind = (isNew ? O_CREAT | O_EXCL : O_NONBLOCK) | (followsLinks ? 0 : O_NOFOLLOW)
    let number = unsafe open(path, O_WRONLY | O_CLOEXEC | kind, mode)
    guard number >= 0 else { throw .last }
    // Only opening must not block; writing waits for a slow reader.
    if !isNew { _ = fcntl(number, F_SETFL, O_WRONLY) }
    return Descriptor(number: number)
  }

  /// Opens a file for reading, and for writing at its end; makes it if there is none.
  static func appending(_ path: String) throws(SystemError) -> Descriptor {
    // Without O_NONBLOCK, opening a pipe without a reader would block.
    let number = unsafe open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o666)
    guard number >= 0 else { throw .last }
    return Descriptor(number: number)
  }

  /// - Throws: the reason if the existing file at `path` cannot be written.
  static func checkWritable(_ path: String) throws(SystemError) {
    guard unsafe access(path, W_OK) == 0 else { throw .last }
  }

  /// Reads at most `limit` bytes; an empty array means the end of the file.
  func read(_ limit: Int) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: max(1, limit))
    while true {
      // The buffer holds `bytes.count` bytes, and `read` writes no more.
      let count = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe Foundation.read(number, buffer.baseAddress, buffer.count)
      }
      if count >= 0 { return Array(bytes.prefix(count)) }
      guard errno == EINTR else { throw .last }
    }
  }

  /// Writes all of `bytes`.
  func write(_ bytes: [UInt8]) throws(SystemError) {
    var written = 0
    while written < bytes.count {
      // The range is the unwritten part of the array, which is not empty.
      let count = unsafe bytes[written...].withUnsafeBytes { buffer in
        unsafe Foundation.write(number, buffer.baseAddress, buffer.count)
      }
      if count >= 0 {
        written += count
      } else if errno != EINTR {
        throw .last
      }
    }
  }

  /// Locks the file for the process, until the descriptor is closed or the process ends.
  ///
  /// - Parameter waits: whether to wait for another process that has locked it.
  /// - Returns: whether it is locked; false also where the file system has no locks.
  @discardableResult
  func lock(waits: Bool = true) -> Bool {
    while flock(number, LOCK_EX | (waits ? 0 : LOCK_NB)) != 0 {
      guard errno == EINTR else { return false }
    }
    return true
  }

  /// Locks the file for the process, until the descriptor is closed or the process ends.
  ///
  /// - Returns: false if another process has locked it.
  /// - Throws: the reason if the file system has no locks.
  func lockOrRefuse() throws(SystemError) -> Bool {
    while flock(number, LOCK_EX | LOCK_NB) != 0 {
      if errno == EWOULDBLOCK { return false }
      guard errno == EINTR else { throw .last }
    }
    return true
  }

  /// Cuts the file to its first `count` bytes.
  func truncate(to count: Int) throws(SystemError) {
    while ftruncate(number, off_t(count)) != 0 {
      guard errno == EINTR else { throw .last }
    }
  }

  /// Waits until the data are on the disk.
  func synchronise() throws(SystemError) {
    // Some file systems cannot, and say that the argument is invalid.
    while fsync(number) != 0, errno != EINVAL {
      guard errno == EINTR else { throw .last }
    }
  }

  /// Gives the file this owner, as far as the process may, and these permissions.
  func take(owner: (user: uid_t, group: gid_t), mode: mode_t) {
    let isOwned = fchown(number, owner.user, owner.group) == 0
    if !isOwned { _ = fchown(number, uid_t.max, owner.group) }
    // A program that runs as its owner must not do so under another.
    _ = fchmod(number, isOwned ? mode : mode & 0o777)
  }

  /// Closes the descriptor.
  ///
  /// - Throws: an error of a delayed write.
  func close() throws(SystemError) {
    guard Foundation.close(number) == 0 else { throw .last }
  }
}

extension Descriptor {
  /// Opens those of the three standard streams that are closed, in a way that every read and write
  /// fails: a file opened later would get the stream's number, and messages would be written into
  /// it.
  static func occupyStandardStreams() {
    for stream in standard where fcntl(stream.number, F_GETFD) == -1 {
      let direction = stream.number == standardInput.number ? O_WRONLY : O_RDONLY
      // The system gives the lowest free number, which is the stream's.
      _ = unsafe open("/dev/null", direction)
    }
  }
}
