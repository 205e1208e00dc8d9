import Evaluation
import Reporting

/// One option of a command.
struct Option: Sendable {
  /// Its name with the dashes: `--model`.
  let name: String
  /// What stands for its value in help, or nil if it takes none.
  let value: String?
  /// What it does, in a few words.
  let meaning: String
  /// What holds without it, for help.
  let `default`: String?
  /// What a shell offers for its value.
  let completion: Completion
  /// Whether it can be given more than once.
  let repeats: Bool
  /// Whether its value may be empty.
  let allowsEmpty: Bool

  /// An option with a value. What a shell offers is told by `value`, unless `offers` says something else.
  init(
    _ name: String, _ value: String?, _ meaning: String, default: String? = nil,
    offers completion: Completion? = nil, repeats: Bool = false, allowsEmpty: Bool = false
  ) {
    self.name = name
    self.value = value
    self.meaning = meaning
    self.default = `default`
    self.completion = completion ?? value.map { Completion(placeholder: $0) } ?? .nothing
    self.repeats = repeats
    self.allowsEmpty = allowsEmpty
  }

  /// An option without a value.
  init(flag name: String, _ meaning: String) { self.init(name, nil, meaning) }

  /// The option that every command has.
  static let help = Option(flag: "--help", "print this")
}

/// How a command is called.
struct Syntax: Sendable {
  /// Its name.
  let name: String
  /// One line for people.
  let summary: String
  /// What follows the name, for help: `--model PATH [options]`. A second line is a second way.
  let usage: String
  /// The most words it takes that are no options.
  var operands = 0
  /// What a shell offers for such a word.
  var operand = Completion.nothing
  /// Its options, `--help` left out.
  let options: [Option]
  /// What else people must know, in help after the options: paragraphs with empty lines between. Where
  /// their lines are broken does not matter.
  var notes = ""

  /// The help page. No line is wider than a terminal.
  var help: String {
    let ways = usage.split(separator: "\n").map { "kvpolicy \(name) \($0)" }
    let entries = (options + [.help]).map { option in
      let fallback = option.default.map {
        " " + "(default: \($0))".replacing(" ", with: TerminalText.bond)
      }
      return (
        option.name + (option.value.map { " \($0)" } ?? ""),
        option.meaning + (option.repeats ? "; can be repeated" : "") + (fallback ?? "")
      )
    }
    let parts = [
      TerminalText.wrapped("kvpolicy \(name): \(summary)"),
      ways.enumerated().map { index, way in
        TerminalText.list([(index == 0 ? "usage:" : "      ", way)], gap: 1)
      }.joined(separator: "\n"),
      "options:\n" + TerminalText.list(entries, indent: 2),
    ]
    return (parts + (notes.isEmpty ? [] : [TerminalText.reflowed(notes)]))
      .joined(separator: "\n\n") + "\n"
  }
}
