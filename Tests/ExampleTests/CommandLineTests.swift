import Foundation
import KVPolicyKit
import Testing

@testable import KVPolicyCommand
@testable import WatchACache
@testable import WriteAPolicy

@Suite("Commands in the text can be typed")
struct CommandLineTests {
  static let swiftCommands = ["build", "run", "test", "format", "package"]
  static let otherCommands = ["git", "cd", "python3", "cat", "echo", "export", "mkdir", "cp"]
  static let executables = ["kvpolicy", "FirstRun", "WriteAPolicy", "WatchACache"]

  @Test(
    "every line is a command we know", arguments: CodeBlock.all("sh", "bash", "shell", "console"))
  func known(_ block: CodeBlock) throws {
    for line in Self.commands(block) { try check(words: Self.words(line)) }
  }

  /// A block's commands: comments and prompts left out, continued lines joined.
  static func commands(_ block: CodeBlock) -> [String] {
    block.lines.joined(separator: "\n").replacing("\\\n", with: " ")
      .components(separatedBy: "\n").flatMap { $0.components(separatedBy: " | ") }
      .map { $0.trimmingCharacters(in: .whitespaces) }
      .map { $0.hasPrefix("$ ") ? String($0.dropFirst(2)) : $0 }
      .filter { !$0.isEmpty && !$0.hasPrefix("#") }
  }

  /// A command's words, up to a comment, as a shell would split them.
  static func words(_ line: String) -> [String] {
    var words: [String] = []
    var (word, quote) = ("", Character?.none)
    for character in line + " " {
      if let open = quote {
        if character == open { quote = nil } else { word.append(character) }
      } else if character == "'" || character == "\"" {
        quote = character
      } else if character == " " {
        if word == "#" { return words }
        if !word.isEmpty { words.append(word) }
        word = ""
      } else {
        word.append(character)
      }
    }
    return words
  }

  private func check(words: [String]) throws {
    let words = Array(words.drop { $0.contains("=") && !$0.hasPrefix("-") })
    let first = try #require(words.first)
    if first == "swift" {
      let command = try #require(words.dropFirst().first)
      #expect(Self.swiftCommands.contains(command))
      if command == "run" { try check(run: Array(words.dropFirst(2))) }
    } else if first.contains("/") && !first.hasPrefix(".build/") {
      let path = Repository.root.appending(path: first).path()
      #expect(FileManager.default.isExecutableFile(atPath: path), "\(first) cannot be run")
    } else if let name = first.split(separator: "/").last, Self.executables.contains(String(name)) {
      try check(run: [String(name)] + words.dropFirst())
    } else {
      #expect(Self.otherCommands.contains(first), "'\(first)' is no command we know")
    }
  }

  /// The words after `swift run`.
  private func check(run words: [String]) throws {
    let start = try #require(
      words.firstIndex { Self.executables.contains($0) }, "it runs none of our programs")
    let arguments = Array(words[(start + 1)...])
    switch words[start] {
    case "kvpolicy", "WriteAPolicy": try check(tool: arguments)
    case "WatchACache": _ = try WatchOptions(arguments)
    default: #expect(arguments.allSatisfy { !$0.hasPrefix("--") })
    }
  }

  /// A command line of the tool: its command exists, and so does every option.
  private func check(tool arguments: [String]) throws {
    guard let first = arguments.first, !["help", "--help", "--version"].contains(first) else {
      return
    }
    let isNamed = !first.hasPrefix("-")
    let command = try KVPolicyTool.command(isNamed ? first : "compare")
    _ = try Arguments(isNamed ? Array(arguments.dropFirst()) : arguments, syntax: command.syntax)
  }
}

@Suite("The cache that draws itself")
struct WatchTests {
  @Test("has a frame for the prompt and for every step, and never more rows than the budget")
  func frames() throws {
    let options = try WatchOptions(["--policy", "tova", "--budget", "6", "--steps", "5"])
    var frames: [String] = []
    try options.watch { frame, isFirst in
      #expect(isFirst == frames.isEmpty)
      frames.append(frame)
    }
    #expect(frames.count == 6)
    for (step, frame) in frames.enumerated() {
      let lanes = frame.components(separatedBy: "\n").filter { $0.hasPrefix("layer") }
      #expect(lanes.count == 4)
      #expect(lanes.allSatisfy { $0.hasSuffix("6/\(24 + step)") })
      #expect(lanes.allSatisfy { $0.count(where: { $0 == "#" }) == 6 })
    }
  }

  @Test(
    "fits a terminal, whatever is drawn",
    arguments: [
      [], ["--policy", "streamingllm", "--budget", "500", "--prompt", "512", "--steps", "3"],
      ["--model", "bundled", "--prompt", "100", "--steps", "2"],
    ])
  func width(_ arguments: [String]) throws {
    var frames: [String] = []
    try WatchOptions(arguments).watch { frame, _ in frames.append(frame) }
    for line in frames.joined().components(separatedBy: "\n") {
      #expect(line.count <= 80, "\(line)")
    }
  }

  @Test("explains itself", arguments: [["--help"], ["-h"], ["--policy", "h2o", "--help"]])
  func help(_ arguments: [String]) throws {
    #expect(try WatchOptions(arguments).wantsHelp && !WatchOptions([]).wantsHelp)
    let help = WatchOptions.help
    for name in ["policy", "budget", "prompt", "steps", "frames-per-second", "model", "help"] {
      #expect(help.contains("\n  --\(name) "))
    }
    #expect(help.contains("(default: 16)") && help.contains("morphkv"))
    #expect(help.components(separatedBy: "\n").allSatisfy { $0.count <= 80 })
  }

  @Test("refuses what it does not understand", arguments: [["--polcy", "h2o"], ["--steps", "x"]])
  func mistakes(_ arguments: [String]) {
    #expect(throws: WatchOptions.Mistake.self) { try WatchOptions(arguments) }
  }
}
