import Foundation

/// The script that completes command lines in fish.
struct FishScript {
  let commands: [Syntax]
  let policies: [String]

  var text: String {
    let names = commands.map { command in
      "complete -c kvpolicy -n __fish_use_subcommand -a \(command.name) "
        + "-d \(quoted(command.summary))"
    }
    let title =
      "# Completes command lines of kvpolicy in fish. 'kvpolicy completions --help' says how to install it."
    return
      ([title, "complete -c kvpolicy -e", "complete -c kvpolicy -f"] + names
      + commands.flatMap(lines)).joined(separator: "\n") + "\n"
  }

  private func lines(_ command: Syntax) -> [String] {
    let start = "complete -c kvpolicy -n '__fish_seen_subcommand_from \(command.name)'"
    let options = (command.options + [.help]).map { option in
      let value = option.value == nil ? "" : " " + action(option.completion)
      return "\(start) -l \(option.name.drop { $0 == "-" })\(value) -d \(quoted(option.meaning))"
    }
    guard command.operand != .nothing else { return options }
    return options + ["\(start) \(operand(command.operand))"]
  }

  /// The arguments of `complete` for an option's value: `-x` for words only, `-r` if files are
  /// offered too.
  private func action(_ completion: Completion) -> String {
    switch completion {
    case .nothing: "-x"
    case .file: "-r -F"
    case .model: "-r -F -a bundled"
    default: "-x " + operand(completion)
    }
  }

  private func operand(_ completion: Completion) -> String {
    switch completion {
    case .nothing: ""
    case .words(let words): "-a " + quoted(words.joined(separator: " "))
    case .policy: "-a " + quoted(policies.joined(separator: " "))
    case .policies:
      "-a " + quoted("(__fish_complete_list , 'string split , \(policies.joined(separator: ","))')")
    case .command: "-a " + quoted(commands.map(\.name).joined(separator: " "))
    case .file, .model: "-F"
    case .folder: "-a '(__fish_complete_directories)'"
    }
  }

  private func quoted(_ text: String) -> String {
    let escaped = text.replacingOccurrences(of: "\\", with: "\\\\")
    return "'" + escaped.replacingOccurrences(of: "'", with: "\\'") + "'"
  }
}
