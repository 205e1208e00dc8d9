import Foundation
import KVPolicyKit
import Testing

@testable import KVPolicyCommand

@Suite("kvpolicy completions")
struct CompletionsTests {
  private let workshop: Workshop

  init() throws {
    workshop = try Workshop()
    for shell in CompletionsCommand.Shell.allCases {
      let outcome = workshop.run(["completions", shell.rawValue])
      #expect(outcome.status == 0 && outcome.errors.isEmpty)
      try workshop.write("kvpolicy." + shell.rawValue, outcome.output)
    }
  }

  /// The output of a shell for a script; nil if the shell is not installed.
  private func output(of shell: String, _ words: [String]) throws -> String? {
    let paths = ["/bin/", "/usr/bin/", "/usr/local/bin/", "/opt/homebrew/bin/"].map { $0 + shell }
    guard let path = paths.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
      return nil
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = words
    process.currentDirectoryURL = URL(fileURLWithPath: workshop.folder)
    process.environment = ["HOME": workshop.folder, "PATH": "/usr/bin:/bin", "TERM": "dumb"]
    let pipe = Pipe()
    (process.standardOutput, process.standardError) = (pipe, pipe)
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }

  /// The completions of bash for the last of some words.
  private func bash(_ words: [String]) throws -> [String] {
    let line = words.map { "'\($0)'" }.joined(separator: " ")
    let script = """
      source ./kvpolicy.bash
      COMP_WORDS=(kvpolicy \(line)); COMP_CWORD=\(words.count)
      _kvpolicy
      [[ ${#COMPREPLY[@]} == 0 ]] || printf '%s\\n' "${COMPREPLY[@]}"
      """
    let output = try #require(try output(of: "bash", ["--norc", "-c", script]))
    return output.split(separator: "\n").map(String.init)
  }

  @Test(
    "bash offers commands, options, and the values that options can have",
    arguments: [
      (["comp"], ["compare", "completions"]), (["help", "tr"], ["trace", "train"]),
      (["tasks", "--ro"], ["--rows"]), (["tasks", "--rows", ""], ["f32", "f16", "q8_0"]),
      (["tasks", "--rows", "="], ["f32", "f16", "q8_0"]),
      (["tasks", "--rows", "=", "q"], ["q8_0"]), (["document", "--kind", "d"], ["dialogue"]),
      (["compare", "--policies", "full,s"], ["full,streamingllm", "full,snapkv", "full,sagekv"]),
      (["generate", "--policy", "to"], ["tova"]), (["policies", "mor"], ["morphkv"]),
      (["completions", ""], ["bash", "zsh", "fish"]),
      (["compare", "--config", "to"], ["tokens.json", "tova.json"]),
      (["train", "to"], ["tokens.json", "tova.json"]), (["trace", "--root", "by"], ["bytes"]),
      (["bench", "--model", "b"], ["bytes", "bundled"]), (["bench", "--steps", ""], []),
      (["nonsense", "x"], []), (["--docum"], ["--documents"]), (["--page"], []),
      (["--model", "bundled", "--page"], ["--page-rows"]),
    ] as [([String], [String])])
  func bash(_ words: [String], _ offered: [String]) throws {
    #expect(try bash(words).sorted() == offered.sorted())
  }

  @Test(
    "bash offers every option of every command",
    arguments: KVPolicyTool.commands.map { $0.syntax.name })
  func bashOptions(_ name: String) throws {
    let syntax = try KVPolicyTool.command(name).syntax
    #expect(try bash([name, "--"]) == (syntax.options + [.help]).map(\.name))
  }

  @Test("fish offers the same, where it is installed")
  func fish() throws {
    func offered(_ line: String) throws -> [String]? {
      try output(of: "fish", ["--no-config", "-c", "source kvpolicy.fish; complete -C '\(line)'"])?
        .split(separator: "\n").map { String($0.prefix { $0 != "\t" }) }
    }
    guard let commands = try offered("kvpolicy comp") else { return }
    #expect(commands == ["compare", "completions"])
    #expect(try offered("kvpolicy tasks --rows ")?.sorted() == ["f16", "f32", "q8_0"])
    #expect(try offered("kvpolicy generate --policy to") == ["tova"])
    #expect(try offered("kvpolicy compare --policies full,tov") == ["full,tova"])
    #expect(try offered("kvpolicy tasks --no") == ["--no-html"])
    #expect(try offered("kvpolicy compare --config tov") == ["tova.json"])
  }

  @Test("zsh offers models by a function: words in quotes would be taken apart")
  func zshModels() throws {
    let script = try workshop.read("kvpolicy.zsh")
    #expect(script.contains(":PATH:_kvpolicy_models'") && script.contains("\n_kvpolicy_models() {"))
    let specifications = script.split(separator: "\n").filter { $0.hasPrefix("        '") }
    #expect(!specifications.isEmpty && specifications.allSatisfy { !$0.contains(":_alternative") })
  }

  @Test("zsh understands its script, where it is installed")
  func zsh() throws {
    guard let output = try output(of: "zsh", ["-f", "-n", "kvpolicy.zsh"]) else { return }
    #expect(output.isEmpty)
    let load =
      "autoload -Uz compinit; compinit -u -D; source ./kvpolicy.zsh; print ${_comps[kvpolicy]}"
    #expect(try self.output(of: "zsh", ["-f", "-c", load]) == "_kvpolicy\n")
  }

  @Test(
    "every script names every command and option, and the values",
    arguments: CompletionsCommand.Shell.allCases)
  func text(_ shell: CompletionsCommand.Shell) throws {
    let script = try workshop.read("kvpolicy." + shell.rawValue)
    for syntax in KVPolicyTool.commands.map({ $0.syntax }) {
      #expect(script.contains(syntax.name))
      for option in syntax.options { #expect(script.contains(option.name.drop { $0 == "-" })) }
    }
    for words in ["f32 f16 q8_0", "exact integer", "copy list questions both dialogue"] {
      #expect(script.contains(words))
    }
  }

  @Test("a policy of one's own is offered too")
  func ownPolicy() {
    let outcome = workshop.run(
      ["completions", "bash"], registry: PolicyRegistry([Everything.self, Last.self]))
    #expect(outcome.output.contains("_kvpolicy_words 'full last'"))
  }

  @Test("a shell that is not known is refused with the ones that are")
  func refused() {
    let unknown = workshop.run(["completions", "csh"])
    #expect(unknown.status == 2)
    #expect(
      unknown.errors
        == "kvpolicy: there is no script for the shell 'csh'; there are bash, zsh, fish\n"
        + "see 'kvpolicy completions --help'\n")
    let missing = workshop.run(["completions"])
    #expect(missing.status == 2 && missing.errors.contains("a shell is missing; name one of bash"))
    #expect(workshop.run(["completions", "bash", "x"]).errors.contains("unexpected argument 'x'"))
  }
}
