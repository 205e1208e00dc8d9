import KVPolicyKit

/// `kvpolicy completions`.
struct CompletionsCommand: Command {
  /// The shells that scripts are written for.
  enum Shell: String, CaseIterable {
    case bash
    case zsh
    case fish
  }

  static let syntax = Syntax(
    name: "completions", summary: "print a script that completes command lines in a shell",
    usage: Shell.allCases.map(\.rawValue).joined(separator: "|"), operands: 1,
    operand: .words(Shell.allCases.map(\.rawValue)), options: [],
    notes: """
      The script knows the commands, their options and the values these can have. To install it, add a line
      to the file that the shell reads when it starts.

      bash, in ~/.bashrc:

          eval "$(kvpolicy completions bash)"

      zsh, in ~/.zshrc, after compinit:

          source <(kvpolicy completions zsh)

      fish, in ~/.config/fish/config.fish:

          kvpolicy completions fish | source
      """)

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    let legal = Shell.allCases.map(\.rawValue).joined(separator: ", ")
    guard let name = arguments.operands.first else {
      throw CommandError.usage("a shell is missing; name one of \(legal)")
    }
    guard let shell = Shell(rawValue: name) else {
      throw CommandError.usage("there is no script for the shell '\(name)'; there are \(legal)")
    }
    let commands = KVPolicyTool.commands.map { $0.syntax } + [KVPolicyTool.helpSyntax]
    let script: String
    switch shell {
    case .bash: script = BashScript(commands: commands, policies: registry.names).text
    case .zsh: script = ZshScript(commands: commands, policies: registry.names).text
    case .fish: script = FishScript(commands: commands, policies: registry.names).text
    }
    try terminal.print(script)
  }
}
