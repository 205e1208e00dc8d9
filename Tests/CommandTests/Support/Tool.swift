import Foundation
import KVPolicyCommand
import KVPolicyKit

/// The result of one call of the tool.
struct Outcome {
  let status: Int32
  let output: String
  let errors: String
}

/// A folder for one test, with the models that the test needs. The tool runs inside the test's
/// process.
final class Workshop {
  let folder: String
  /// A model of 64 tokens without a tokenizer.
  var plainModel: String { folder + "/plain" }
  /// A model with a token per byte.
  var byteModel: String { folder + "/bytes" }

  init() throws {
    folder = FileManager.default.temporaryDirectory.path + "/kvpolicy-\(UUID().uuidString)"
    try TinyModel.write(at: folder + "/plain")
    try TinyModel.write(at: folder + "/bytes", hasTokenizer: true)
    try write("tokens.json", "\(Array(0..<48))")
    try write("tova.json", #"{"policy": "tova", "capacity": 8}"#)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Writes a file of the folder.
  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
  }

  /// The text of a file of the folder.
  func read(_ name: String) throws -> String {
    String(decoding: try data(name), as: UTF8.self)
  }

  /// The bytes of a file of the folder.
  func data(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
  }

  /// The names in the folder.
  var names: Set<String> {
    Set((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
  }

  /// Runs the tool. `@/` at the start of a word or after its equals sign stands for the folder.
  func run(
    _ words: [String], input: [UInt8] = [], environment: [String: String] = [:],
    interactive: Bool = false, outputInteractive: Bool = false, closesAfter lines: Int = .max,
    registry: PolicyRegistry? = nil
  ) -> Outcome {
    let words = words.map { word in
      word.hasPrefix("@/")
        ? folder + word.dropFirst() : word.replacingOccurrences(of: "=@/", with: "=\(folder)/")
    }
    var (output, errors, rest, written) = ("", "", input[...], 0)
    let terminal = Terminal(
      write: { text throws(Terminal.Failure) in
        guard written < lines else { throw .closed }
        written += 1
        output += text
      },
      writeError: { errors += $0 },
      read: { limit in
        // Reads return at most seven bytes, so that readers must join parts.
        defer { rest = rest.dropFirst(min(limit, 7)) }
        return Array(rest.prefix(min(limit, 7)))
      },
      isInteractive: interactive, isOutputInteractive: outputInteractive,
      environment: environment, workingFolder: folder)
    let tool =
      if let registry {
        KVPolicyTool(registry: registry, terminal: terminal)
      } else {
        KVPolicyTool(terminal: terminal)
      }
    let status = tool.run(["kvpolicy"] + words)
    return Outcome(status: status, output: output, errors: errors)
  }
}
