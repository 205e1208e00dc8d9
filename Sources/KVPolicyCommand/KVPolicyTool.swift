import Evaluation
import KVPolicyKit
import Policies
internal import Processor
import ReferenceModel
import Reporting

/// The `kvpolicy` command line, as a library: run it with policies of your own.
///
/// ```swift
/// import Foundation
/// import KVPolicyCommand
///
/// exit(KVPolicyTool(registry: .all.adding(MyPolicy.self)).run(CommandLine.arguments))
/// ```
public struct KVPolicyTool {
  /// The version that `--version` prints.
  public static let version = "0.1.0"

  /// The policies that a command line can name.
  public var registry: PolicyRegistry { makeRegistry() }
  // Deferred until the processor check, because policies are compiled for vector instructions.
  private let makeRegistry: () -> PolicyRegistry
  /// The streams, environment and folder that commands use.
  public let terminal: Terminal

  /// Makes a tool. By default it has the policies that ship with the kit, and the streams of the
  /// process.
  public init(
    registry: @autoclosure @escaping () -> PolicyRegistry = .all, terminal: Terminal = .process()
  ) {
    makeRegistry = registry
    self.terminal = terminal
  }

  /// Runs one command line; the first word is the program's name.
  ///
  /// Results go to standard output, messages to standard error.
  ///
  /// - Returns: the exit status: 0 for success, 1 if the command failed, 2 if the command line was
  ///   not understood.
  public func run(_ arguments: [String]) -> Int32 {
    if let refusal = Processor.refusal {
      terminal.note(refusal)
      return 1
    }
    var (terminal, registry) = (terminal, registry)
    terminal.reads = ReadFiles()
    registry.artifacts = registry.artifacts ?? ArtifactFiles()
    var words = Array(arguments.dropFirst())
    var named = "kvpolicy"
    do {
      try ProcessArguments.check(arguments)
      if words.first == "--version" {
        try refuseMore(words)
        try terminal.print("kvpolicy \(KVPolicyTool.version) (\(Processor.build))\n")
        return 0
      }
      if let first = words.first, KVPolicyTool.helpWords.contains(first) { return try help(words) }
      if words.first?.hasPrefix("-") ?? true {
        words.insert(KVPolicyTool.unnamedCommand(words), at: 0)
      }
      let command = try KVPolicyTool.command(words[0])
      named = "kvpolicy \(words[0])"
      let parsed = try Arguments(Array(words.dropFirst()), syntax: command.syntax)
      if parsed.wantsHelp {
        try terminal.print(command.syntax.help)
      } else {
        try command.init(registry: registry, terminal: terminal).run(parsed)
      }
      return 0
    } catch {
      return report(error, of: named)
    }
  }

  private func report(_ error: any Error, of command: String) -> Int32 {
    switch error {
    case CommandError.usage(let message):
      terminal.note(message)
      terminal.writeError("see '\(command) --help'\n")
    case CommandError.failure(let message): terminal.note(message)
    case CommandError.outputClosed: break
    default: terminal.note("\(error)")
    }
    return (error as? CommandError)?.status ?? 1
  }

  private static let helpWords = ["--help", "-h", "help"]

  /// Prints the help of the command that `words` names beside the words for help, or the overview.
  private func help(_ words: [String]) throws(CommandError) -> Int32 {
    let topics = words.filter { !KVPolicyTool.helpWords.contains($0) }
    if topics.count > 1 { throw .usage("unexpected argument '\(topics[1])'") }
    let text = try topics.first.map { name throws(CommandError) in
      try KVPolicyTool.command(name).syntax.help
    }
    try terminal.print(text ?? KVPolicyTool.overview)
    return 0
  }

  private func refuseMore(_ words: [String]) throws(CommandError) {
    if words.count > 1, words[1] != "--help" {
      throw .usage("unexpected argument '\(words[1])'")
    }
  }
}

extension KVPolicyTool {
  /// All commands, in the order of help. A new command needs a file of its own and an entry here.
  static let commands: [any Command.Type] = [
    TasksCommand.self, DocumentCommand.self, CompareCommand.self, ExplainCommand.self,
    BenchCommand.self, CapacityCommand.self, SweepCommand.self, MergeCommand.self,
    RerunCommand.self, ReportCommand.self, CalibrateCommand.self, GenerateCommand.self,
    TraceCommand.self, TrainCommand.self, TokenizeCommand.self, PoliciesCommand.self,
    InspectCommand.self, CompletionsCommand.self,
  ]

  /// The syntax of `help`, which is not a `Command`, for the overview and for completions.
  static let helpSyntax = Syntax(
    name: "help", summary: "print this, or the help of a command", usage: "[COMMAND]", operands: 1,
    operand: .command, options: [])

  /// The command that runs if the command line names none: `tasks` on the bundled model, or
  /// `compare` if `--model` is given, because another model need not speak the tasks' language.
  private static func unnamedCommand(_ words: [String]) -> String {
    let namesModel = words.contains { $0 == "--model" || $0.hasPrefix("--model=") }
    return (namesModel ? CompareCommand.syntax : TasksCommand.syntax).name
  }

  /// The command named `name`.
  ///
  /// - Throws: `CommandError.usage` if no command has this name.
  static func command(_ name: String) throws(CommandError) -> any Command.Type {
    for command in commands where command.syntax.name == name { return command }
    let names = commands.map { $0.syntax.name } + ["help"]
    throw CommandError.usage(
      "there is no command '\(name)'\(suggestion(for: name, among: names)); there are "
        + names.joined(separator: ", "))
  }

  /// The page that `kvpolicy help` prints.
  static var overview: String {
    let lines = commands.map { ($0.syntax.name, $0.syntax.summary) }
    return TerminalText.wrapped(
      """
      kvpolicy: key-value cache policies, compared on a real model

      usage: kvpolicy COMMAND [options]
             kvpolicy                 run the policies on the bundled model's tasks
             kvpolicy --model PATH    compare them on another model

      commands:
      \(TerminalText.list(lines + [(helpSyntax.name, helpSyntax.summary)], indent: 2))

      The model at hand is $KVPOLICY_MODEL, or else the first .gguf file in the folder \
      Models, or else the small one that comes with the program, which '--model bundled' names.
      'kvpolicy COMMAND --help' explains a command; 'kvpolicy --version' prints the version.

      """)
  }
}
