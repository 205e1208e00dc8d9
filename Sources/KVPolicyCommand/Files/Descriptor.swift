import Foundation

/// An error number of the operating system.
struct SystemError: Error, Equatable {
  let code: Int32

  /// The error that the last call of the operating system left.
  static var last: SystemError { SystemError(code: errno) }

  /// The system's words for it.
  var reason: String {
    // `strerror` answers with a string that is valid until its next call.
    guard let text = unsafe strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
  }
}

/// A file descriptor that its user closes, or leaves open.
struct Descriptor {
  let number: Int32

  static let standardInput = Descriptor(number: 0)
  static let standardOutput = Descriptor(number: 1)
  static let standardError = Descriptor(number: 2)

  private init(number: Int32) { self.number = number }

  /// Opens a file to read.
  static func reading(_ path: String) throws(SystemError) -> Descriptor {
    let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { throw .last }
    return Descriptor(number: number)
  }

  /// Opens a file to write: a new one if `isNew`, else one that is there.
  ///
  /// - Throws: among others `ENXIO` for a named pipe that nobody reads, which would be waited for otherwise.
  static func writing(_ path: String, isNew: Bool) throws(SystemError) -> Descriptor {
    let kind = isNew ? O_CREAT | O_EXCL : O_NONBLOCK
    let number = unsafe open(path, O_WRONLY | O_CLOEXEC | kind, 0o666)
    guard number >= 0 else { throw .last }
    // Only opening must not wait; a slow reader is waited for.
    if !isNew { _ = fcntl(number, F_SETFL, O_WRONLY) }
    return Descriptor(number: number)
  }

  /// - Throws: why a file that is there cannot be written.
  static func checkWritable(_ path: String) throws(SystemError) {
    guard unsafe access(path, W_OK) == 0 else { throw .last }
  }

  /// Reads at most `limit` bytes; nothing at the end.
  func read(_ limit: Int) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: max(1, limit))
    while true {
      // The buffer holds `bytes.count` bytes, and no more are asked for.
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
      // The range is what is left of the array, which is not empty.
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

  /// Closes it.
  ///
  /// - Throws: what a late write ran into.
  func close() throws(SystemError) {
    guard Foundation.close(number) == 0 else { throw .last }
  }
}
