/// The script that completes command lines in bash.
struct BashScript {
  let commands: [Syntax]
  let policies: [String]

  var text: String {
    """
    # Completes command lines of kvpolicy in bash. 'kvpolicy completions --help' says how to install it.

    _kvpolicy_words() { COMPREPLY=($(compgen -W "$1" -- "$cur")); }

    _kvpolicy_list() {
      local before=
      [[ $cur == *,* ]] && before=${cur%,*},
      COMPREPLY=($(compgen -P "$before" -W "$1" -- "${cur##*,}"))
      compopt -o nospace 2>/dev/null
    }

    _kvpolicy_files() {
      local IFS=$'\\n'
      COMPREPLY=($(compgen "$1" -- "$cur") $(compgen -W "$2" -- "$cur"))
      compopt -o filenames 2>/dev/null
    }

    _kvpolicy() {
      local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} word
      COMPREPLY=()
      # Bash takes --rows=f16 apart: the sign is a word.
      if [[ $cur == = ]]; then
        cur=
      elif [[ $prev == = ]] && ((COMP_CWORD > 1)); then
        prev=${COMP_WORDS[COMP_CWORD-2]}
      fi
      if ((COMP_CWORD == 1)) && [[ $cur != -* ]]; then
        _kvpolicy_words '\(commands.map(\.name).joined(separator: " "))'
        return
      fi
      # Options without a command are those of the tasks, or of the comparison of a model.
      if [[ $command == -* ]]; then
        command=\(TasksCommand.syntax.name)
        for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
          [[ $word == --model* ]] && command=\(CompareCommand.syntax.name)
        done
      fi
      case $command:$prev in
    \(values)
      esac
      case $command:$cur in
    \(options)
      esac
      case $command in
    \(operands)
      esac
    }

    complete -F _kvpolicy kvpolicy

    """
  }

  /// The completions of options' values: a `case` line for each option that takes a value.
  private var values: String {
    commands.flatMap { command in
      command.options.filter { $0.value != nil }.map { option in
        "    \(command.name):\(option.name)) \(action(option.completion)); return ;;"
      }
    }.joined(separator: "\n")
  }

  /// The completions of options' names: a `case` line for each command.
  private var options: String {
    commands.map { command in
      let names = (command.options + [.help]).map(\.name).joined(separator: " ")
      return "    \(command.name):-*) _kvpolicy_words '\(names)'; return ;;"
    }.joined(separator: "\n")
  }

  /// The completions of operands: a `case` line for each command that has them.
  private var operands: String {
    commands.filter { $0.operand != .nothing }.map { command in
      "    \(command.name)) \(action(command.operand)) ;;"
    }.joined(separator: "\n")
  }

  private func action(_ completion: Completion) -> String {
    switch completion {
    case .nothing: ":"
    case .words(let words): "_kvpolicy_words '\(words.joined(separator: " "))'"
    case .policy: "_kvpolicy_words '\(policies.joined(separator: " "))'"
    case .policies: "_kvpolicy_list '\(policies.joined(separator: " "))'"
    case .command: "_kvpolicy_words '\(commands.map(\.name).joined(separator: " "))'"
    case .file: "_kvpolicy_files -f"
    case .folder: "_kvpolicy_files -d"
    case .model: "_kvpolicy_files -f bundled"
    }
  }
}
