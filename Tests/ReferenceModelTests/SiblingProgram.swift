import Foundation
import Testing

/// A program that is built beside the tests, for checks that need their own process.
enum SiblingProgram {
  /// Runs the program to its end and returns its output.
  static func run(_ name: String, _ arguments: [String]) throws -> String {
    let process = Process()
    // The tests and the program are built into one folder.
    process.executableURL = try #require(Bundle.main.executableURL)
      .deletingLastPathComponent().appending(path: name)
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return text
  }
}
