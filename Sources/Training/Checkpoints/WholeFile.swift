import Foundation
import KVPolicyKit

/// Files that appear whole or not at all: written under a temporary name, then renamed.
enum WholeFile {
  /// Writes or replaces the file at `path`.
  static func write(_ bytes: [UInt8], to path: String) throws(CheckpointError) {
    do {
      try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw .unwritable(path: path, reason: error.localizedDescription)
    }
  }

  /// Creates `folder` with `files` by name. The folder must not exist yet.
  static func write(_ files: [String: [UInt8]], folder: String) throws(CheckpointError) {
    let place = URL(fileURLWithPath: folder).standardizedFileURL
    let beside = place.deletingLastPathComponent()
      .appendingPathComponent(".kvpolicy.\(UUID().uuidString)")
    do {
      try FileManager.default.createDirectory(at: beside, withIntermediateDirectories: false)
    } catch {
      throw .unwritable(path: folder, reason: error.localizedDescription)
    }
    do throws(CheckpointError) {
      for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
        try write(bytes, to: beside.appendingPathComponent(name).path)
      }
      try move(beside, to: place)
    } catch {
      try? FileManager.default.removeItem(at: beside)
      throw error
    }
  }

  private static func move(_ source: URL, to place: URL) throws(CheckpointError) {
    do {
      try FileManager.default.moveItem(at: source, to: place)
    } catch {
      throw .unwritable(
        path: place.path,
        reason: "\(error.localizedDescription) Name a folder that is not there yet, in one that is."
      )
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
