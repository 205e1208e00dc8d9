import Foundation
import KVPolicyKit

/// Files that appear whole or not at all: written under a temporary name, then renamed.
///
/// The contents are on the disk before the new name is, and the new name is on the disk when a call
/// returns. So of two files that are written one after the other, the second is never found without
/// the first, even after a power failure.
package enum WholeFile {
  /// A step of a save that changes the disk.
  package enum Step: Sendable {
    /// Creates a file with these bytes.
    case create(String, [UInt8])
    /// Creates an empty folder.
    case makeFolder(String)
    /// Waits until a file or folder is on the disk.
    case sync(String)
    /// Gives a file or folder its final name.
    case rename(String, to: String)
    /// Removes a file, or a folder with its contents.
    case remove(String)
  }

  /// Called before each step. A test throws in it to end a save there, as killing the process
  /// would: later steps, those that clean up included, then throw too.
  @TaskLocal package static var beforeStep: (@Sendable (Step) throws -> Void)?

  /// Writes or replaces the file at `path`; keeps a link a link.
  package static func write(_ bytes: [UInt8], to path: String) throws(CheckpointError) {
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    let beside = TemporaryPath.beside(target)
    try replace(path, by: beside) {
      try perform(.create(beside, bytes))
      try perform(.sync(beside))
      try perform(.rename(beside, to: target))
      syncFolder(of: target)
    }
  }

  /// Creates `folder` with `files` by name. The folder must not exist yet.
  static func write(_ files: [String: [UInt8]], folder: String) throws(CheckpointError) {
    let place = URL(fileURLWithPath: folder).standardizedFileURL.path
    let beside = TemporaryPath.beside(place)
    let advice = " Name a folder that is not there yet, in one that is."
    try replace(folder, by: beside, advice: advice) {
      try perform(.makeFolder(beside))
      for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
        let file = beside + "/" + name
        try perform(.create(file, bytes))
        try perform(.sync(file))
      }
      try perform(.sync(beside))
      // A rename would replace an empty folder without a word.
      guard !FileManager.default.fileExists(atPath: place) else { throw POSIXError(.EEXIST) }
      try perform(.rename(beside, to: place))
      syncFolder(of: place)
    }
  }

  /// Removes the file, or the folder with its contents, at `path`. It need not exist.
  package static func remove(_ path: String) throws(CheckpointError) {
    guard FileManager.default.fileExists(atPath: path) else { return }
    do {
      try perform(.remove(path))
    } catch {
      throw .unwritable(path: path, reason: error.localizedDescription)
    }
  }

  /// Runs the steps that write `path` by way of `beside`, which does not survive an error.
  private static func replace(
    _ path: String, by beside: String, advice: String = "", steps: () throws -> Void
  ) throws(CheckpointError) {
    do {
      try steps()
    } catch {
      try? perform(.remove(beside))
      throw .unwritable(path: path, reason: error.localizedDescription + advice)
    }
  }

  /// Waits until the folder of `path` is on the disk, with the new name in it. Errors are ignored:
  /// some file systems cannot do this, and the file is whole in any case.
  private static func syncFolder(of path: String) {
    try? perform(.sync(URL(fileURLWithPath: path).deletingLastPathComponent().path))
  }

  private static func perform(_ step: Step) throws {
    try beforeStep?(step)
    switch step {
    case .create(let path, let bytes):
      try Data(bytes).write(to: URL(fileURLWithPath: path), options: .withoutOverwriting)
    case .makeFolder(let path):
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    case .sync(let path):
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? file.close() }
      try file.synchronize()
    case .rename(let path, let target):
      guard unsafe Foundation.rename(path, target) == 0 else {
        throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
      }
    case .remove(let path): try FileManager.default.removeItem(atPath: path)
    }
  }
}

extension JSONValue {
  /// The value as an indented file with sorted keys, which people can read.
  var fileBytes: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array((try? encoder.encode(self)) ?? Data()) + [UInt8(ascii: "\n")]
  }
}
