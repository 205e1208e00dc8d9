import Foundation

/// A file that appears whole or not at all: written beside its place, then renamed into it.
struct OutputFile {
  /// The path as given, or `-` for standard output.
  let path: String
  private let terminal: Terminal
  /// Where it really is: links are followed, so that a link stays one.
  private let target: String
  /// Whether the place is taken by something that cannot be renamed over, such as `/dev/null`.
  private let isDevice: Bool

  /// Checks that the file can be written, so that a mistake shows before a long run and not after it.
  init(_ path: String, terminal: Terminal) throws(CommandError) {
    self.path = path
    self.terminal = terminal
    target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    isDevice = OutputFile.isDevice(target)
    guard path != "-" else { return }
    try attempt { () throws(SystemError) in
      if isDevice {
        try Descriptor.writing(target, isNew: false).close()
        return
      }
      let beside = temporaryPath
      try Descriptor.writing(beside, isNew: true).close()
      unsafe unlink(beside)
    }
  }

  /// Whether it is standard output.
  var isStandardOutput: Bool { path == "-" }

  /// Whether it is the same file as `other`.
  func isSame(as other: String) -> Bool {
    path == other || target == URL(fileURLWithPath: other).resolvingSymlinksInPath().path
  }

  /// Writes text.
  func write(_ text: String) throws(CommandError) {
    if isStandardOutput { try terminal.print(text) } else { try write(Array(text.utf8)) }
  }

  /// Writes bytes; not for standard output.
  func write(_ bytes: [UInt8]) throws(CommandError) {
    try attempt { () throws(SystemError) in
      if isDevice {
        let file = try Descriptor.writing(target, isNew: false)
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
      throw .failure("cannot write \(path): \(error.reason)")
    }
  }

  /// A name beside the target that no other process takes.
  private var temporaryPath: String {
    "\(target).\(ProcessInfo.processInfo.processIdentifier).\(UInt32.random(in: 0...UInt32.max))"
  }

  private static func isDevice(_ path: String) -> Bool {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard let type = attributes?[.type] as? FileAttributeType else { return false }
    return type != .typeRegular
  }
}
