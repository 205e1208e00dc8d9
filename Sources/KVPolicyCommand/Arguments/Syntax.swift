/// One option of a command.
struct Option: Sendable {
  /// Its name with the dashes: `--model`.
  let name: String
  /// What stands for its value in help, or nil if it takes none.
  let value: String?
  /// What it does, in a few words.
  let meaning: String
  /// What holds without it, for help.
  var standard: String?
  /// Whether it can be given more than once.
  var repeats = false
  /// Whether its value may be empty.
  var allowsEmpty = false

  /// An option with a value.
  init(
    _ name: String, _ value: String?, _ meaning: String, standard: String? = nil,
    repeats: Bool = false, allowsEmpty: Bool = false
  ) {
    self.name = name
    self.value = value
    self.meaning = meaning
    self.standard = standard
    self.repeats = repeats
    self.allowsEmpty = allowsEmpty
  }

  /// An option without a value.
  init(flag name: String, _ meaning: String) { self.init(name, nil, meaning) }
}

/// How a command is called.
struct Syntax: Sendable {
  /// Its name.
  let name: String
  /// One line for people.
  let summary: String
  /// What follows the name, for help: `--model PATH [options]`.
  let usage: String
  /// The most words it takes that are no options.
  var operands = 0
  /// Its options, `--help` left out.
  let options: [Option]
  /// What else people must know, in help after the options.
  var notes = ""

  /// The help page.
  var help: String {
    var text = "kvpolicy \(name): \(summary)\n\nusage: kvpolicy \(name) \(usage)\n"
    let all = options + [Option(flag: "--help", "print this")]
    let names = all.map { $0.name + ($0.value.map { " \($0)" } ?? "") }
    let width = names.reduce(0) { max($0, $1.count) }
    text += "\noptions:\n"
    for (option, name) in zip(all, names) {
      let padding = String(repeating: " ", count: width - name.count)
      let standard = option.standard.map { " (default: \($0))" } ?? ""
      let repeats = option.repeats ? "; can be repeated" : ""
      text += "  \(name)\(padding)  \(option.meaning)\(repeats)\(standard)\n"
    }
    return notes.isEmpty ? text : text + "\n" + notes + "\n"
  }
}
