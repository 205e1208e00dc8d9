import Foundation

/// The paths of files and folders while they are written: `.kvpolicy-save.PROCESS.NUMBER`, in the
/// folder of the file that they become.
package enum TemporaryPath {
  private static let prefix = ".kvpolicy-save."

  /// A path in the folder of `path` that no other process uses. It does not contain the name of the
  /// file, which may already have the greatest legal length.
  package static func beside(_ path: String) -> String {
    let number = UInt32.random(in: 0...UInt32.max)
    let name = "\(prefix)\(ProcessInfo.processInfo.processIdentifier).\(number)"
    return URL(fileURLWithPath: path).deletingLastPathComponent().appendingPathComponent(name).path
  }

  /// Removes temporary files and folders in `folder` whose process no longer runs: a process that
  /// is killed cannot remove its own. Errors are ignored, since nobody needs these files.
  package static func removeLeftovers(in folder: String) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where isLeftover(name) {
      try? FileManager.default.removeItem(
        at: URL(fileURLWithPath: folder).appendingPathComponent(name))
    }
  }

  /// Whether the name is a temporary one, and its process has ended.
  private static func isLeftover(_ name: String) -> Bool {
    guard name.hasPrefix(prefix) else { return false }
    let numbers = name.dropFirst(prefix.count).split(
      separator: ".", omittingEmptySubsequences: false)
    guard numbers.count == 2, let process = pid_t(numbers[0]), process > 0,
      UInt32(numbers[1]) != nil
    else { return false }
    // Signal 0 only asks whether the process exists. Another user's process exists, too, but
    // refuses the signal with another error.
    return kill(process, 0) != 0 && errno == ESRCH
  }
}
