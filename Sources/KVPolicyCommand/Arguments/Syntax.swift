import Evaluation
import Reporting

/// An option of a command.
struct Option: Sendable {
  /// The name with its dashes: `--model`.
  let name: String
  /// The placeholder of the value in help, or nil if the option takes no value.
  let value: String?
  /// The meaning of the option, in a few words.
  let meaning: String
  /// The default for help, in words.
  let `default`: String?
  /// The completions that a shell offers for the value.
  let completion: Completion
  /// Whether the option can be given more than once.
  let repeats: Bool
  /// Whether the value may be empty.
  let allowsEmpty: Bool

  /// An option with a value. Its completions follow from `value`, unless `completion` is given.
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

/// The command line of a command.
struct Syntax: Sendable {
  /// The name of the command.
  let name: String
  /// A summary of the command, on one line.
  let summary: String
  /// The words after the name, for help: `--model PATH [options]`. A second line is an alternative.
  let usage: String
  /// The largest number of operands.
  var operands = 0
  /// The completions that a shell offers for an operand.
  var operand = Completion.nothing
  /// The options without `--help`, which every command has.
  let options: [Option]
  /// Further explanations, which help shows after the options: paragraphs separated by empty lines.
  /// Help wraps their lines to its own width.
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
