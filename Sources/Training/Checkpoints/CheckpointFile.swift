import Foundation
import KVPolicyKit

/// Writing the files of checkpoints.
enum CheckpointFile {
  /// Writes or replaces the file at `path`, which appears whole or not at all.
  static func write(_ bytes: [UInt8], to path: String) throws(CheckpointError) {
    try attempt(path) { try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic) }
  }

  /// Creates `folder` with `files` by name. The folder must not exist yet, and does not exist after
  /// an error.
  static func write(_ files: [String: [UInt8]], folder: String) throws(CheckpointError) {
    let place = URL(fileURLWithPath: folder)
    try attempt(folder, advice: " Name a folder that is not there yet, in one that is.") {
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: false)
    }
    do throws(CheckpointError) {
      for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
        try write(bytes, to: place.appendingPathComponent(name).path)
      }
    } catch {
      try? FileManager.default.removeItem(at: place)
      throw error
    }
  }

  private static func attempt(
    _ path: String, advice: String = "", _ body: () throws -> Void
  ) throws(CheckpointError) {
    do {
      try body()
    } catch {
      throw .unwritable(path: path, reason: error.localizedDescription + advice)
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
