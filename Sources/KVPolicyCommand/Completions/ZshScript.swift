import Foundation

/// The script that completes command lines in zsh.
struct ZshScript {
  let commands: [Syntax]
  let policies: [String]

  var text: String {
    """
    #compdef kvpolicy
    # Completes command lines of kvpolicy in zsh. 'kvpolicy completions --help' says how to install it.

    _kvpolicy_models() {
      _alternative 'models:model:(bundled)' 'files:file:_files'
    }

    _kvpolicy() {
      local -a commands
      local command=$words[2]
      commands=(
    \(commands.map { "    \(quoted("\($0.name):\($0.summary)"))" }.joined(separator: "\n"))
      )
      if (( CURRENT == 2 )) && [[ $command != -* ]]; then
        _describe command commands
        return
      fi
      # Options without a command are those of the tasks, or of the comparison of a model.
      if [[ $command == -* ]]; then
        command=\(TasksCommand.syntax.name)
        (( ${words[(I)--model*]} )) && command=\(CompareCommand.syntax.name)
      else
        shift words
        (( CURRENT-- ))
      fi
      case $command in
    \(commands.map(arguments).joined(separator: "\n"))
      esac
    }

    # Loaded by compinit it is the function that completes; read by 'source' it is not.
    if [[ $funcstack[1] == _kvpolicy ]]; then
      _kvpolicy "$@"
    else
      compdef _kvpolicy kvpolicy
    fi

    """
  }

  /// The `case` branch of a command, which passes its options and operand to `_arguments`.
  private func arguments(_ command: Syntax) -> String {
    var lines = (command.options + [.help]).map { option in
      let prefix = option.repeats ? "*" : ""
      let meaning = "[" + escaped(option.meaning) + "]"
      guard let value = option.value else { return quoted(prefix + option.name + meaning) }
      return quoted(
        "\(prefix)\(option.name)=\(meaning):\(escaped(value)):\(action(option.completion))")
    }
    if command.operand != .nothing { lines.append(quoted(":word:\(action(command.operand))")) }
    return "    \(command.name))\n      _arguments \\\n"
      + lines.map { "        \($0)" }.joined(separator: " \\\n") + " ;;"
  }

  private func action(_ completion: Completion) -> String {
    switch completion {
    case .nothing: " "
    case .words(let words): "(\(words.joined(separator: " ")))"
    case .policy: "(\(policies.joined(separator: " ")))"
    case .policies: "_sequence compadd - \(policies.joined(separator: " "))"
    case .command: "(\(commands.map(\.name).joined(separator: " ")))"
    case .file: "_files"
    case .folder: "_files -/"
    case .model: "_kvpolicy_models"
    }
  }

  /// Escapes the characters that separate the parts of a specification for `_arguments`.
  private func escaped(_ text: String) -> String {
    var escaped = text.replacingOccurrences(of: "\\", with: "\\\\")
    for mark in ["[", "]", ":"] {
      escaped = escaped.replacingOccurrences(of: mark, with: "\\" + mark)
    }
    return escaped
  }

  private func quoted(_ text: String) -> String {
    "'" + text.replacingOccurrences(of: "'", with: #"'\''"#) + "'"
  }
}
