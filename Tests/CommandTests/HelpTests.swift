import Foundation
import Processor
import Testing

@testable import KVPolicyCommand

/// The help pages are stored as files. To update them after a change: `KVPOLICY_UPDATE_SNAPSHOTS=1
/// swift test --filter HelpTests`.
@Suite("Help")
struct HelpTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Snapshots")

  private func check(_ text: String, against name: String) throws {
    let file = HelpTests.folder.appendingPathComponent(name + ".txt")
    if ProcessInfo.processInfo.environment["KVPOLICY_UPDATE_SNAPSHOTS"] == "1" {
      try Data(text.utf8).write(to: file)
    }
    #expect(text == String(decoding: try Data(contentsOf: file), as: UTF8.self))
  }

  @Test(
    "every command has the help page on file",
    arguments: KVPolicyTool.commands.map { $0.syntax.name })
  func pages(_ name: String) throws {
    let workshop = try Workshop()
    let asked = workshop.run([name, "--help"])
    #expect(asked.status == 0 && asked.errors.isEmpty)
    try check(asked.output, against: name)
    #expect(workshop.run(["help", name]).output == asked.output)
    #expect(workshop.run([name, "-h"]).output == asked.output)
  }

  @Test("the overview names every command and is the same by all its names")
  func overview() throws {
    let workshop = try Workshop()
    let outcome = workshop.run(["--help"])
    #expect(outcome.status == 0)
    try check(outcome.output, against: "overview")
    for words in [
      ["help"], ["-h"], ["help", "help"], ["help", "--help"], ["help", "-h"], ["--help", "help"],
    ] {
      let other = workshop.run(words)
      #expect(other.status == 0 && other.errors.isEmpty && other.output == outcome.output)
    }
    for command in KVPolicyTool.commands {
      #expect(outcome.output.contains("\n  \(command.syntax.name) "))
    }
  }

  @Test("words for help and one command, in any order, print the command's page")
  func topics() throws {
    let workshop = try Workshop()
    for words in [["--help", "trace"], ["-h", "trace"], ["help", "trace", "--help"]] {
      #expect(workshop.run(words).output == TraceCommand.syntax.help)
    }
    for words in [["help", "trace", "train"], ["--help", "trace", "--json"]] {
      let outcome = workshop.run(words)
      #expect(outcome.status == 2 && outcome.output.isEmpty)
      #expect(outcome.errors.contains("unexpected argument '\(words[2])'"))
    }
    let unknown = workshop.run(["help", "trase"])
    #expect(unknown.status == 2 && unknown.errors.contains("did you mean 'trace'?"))
  }

  @Test("no line of help is wider than 80 columns")
  func width() {
    let pages = KVPolicyTool.commands.map { $0.syntax.help } + [KVPolicyTool.overview]
    for line in pages.joined().split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
  }

  @Test("the version is printed")
  func version() throws {
    let outcome = try Workshop().run(["--version"])
    #expect(outcome.status == 0)
    #expect(outcome.output == "kvpolicy \(KVPolicyTool.version) (\(Processor.build))\n")
  }
}
