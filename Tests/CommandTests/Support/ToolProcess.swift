import Foundation
import Testing

/// A run of the tool as a process of its own, for checks of signals.
struct ToolProcess {
  /// The built program. The tests and the program are built into one folder.
  static func path() throws -> String {
    try #require(Bundle.main.executableURL).deletingLastPathComponent()
      .appending(path: "kvpolicy").path
  }

  let process = Process()
  private let output = Pipe()
  private let errors = Pipe()

  /// Starts a shell with a script, in which `$0` is the program and `$1`, `$2`, … are `words`.
  init(_ script: String, _ words: [String]) throws {
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", script, try ToolProcess.path()] + words
    process.standardOutput = output
    process.standardError = errors
    try process.run()
  }

  /// Waits for the first byte of output.
  func waitForOutput() throws {
    #expect(try output.fileHandleForReading.read(upToCount: 1)?.count == 1)
  }

  /// Reads the rest of the output and waits for the end.
  func finish() throws -> Outcome {
    // The error output is short, so that reading it last does not make the process wait.
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    let message = try errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationReason == .exit)
    return Outcome(
      status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
      errors: String(decoding: message, as: UTF8.self))
  }
}
