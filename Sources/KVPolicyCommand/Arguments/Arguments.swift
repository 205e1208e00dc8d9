import Foundation
import KVPolicyKit

/// The words after a command's name, sorted into options and operands.
///
/// An option's value follows as the next word or after an equals sign: `--budget 256`,
/// `--budget=256`. A value that begins with two dashes needs the equals sign. After `--` every word
/// is an operand.
struct Arguments {
  private let syntax: Syntax
  private var values: [String: [String]] = [:]
  /// The words that are not options.
  private(set) var operands: [String] = []
  /// Whether the words include `--help` or `-h`.
  private(set) var wantsHelp = false

  /// Sorts the words.
  ///
  /// - Throws: `CommandError.usage` for an unknown option, an option without its value or with a
  ///   value it does not take, an option given twice, or too many operands.
  init(_ words: [String], syntax: Syntax) throws(CommandError) {
    self.syntax = syntax
    if words.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) {
      wantsHelp = true
      return
    }
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        operands += rest
        break
      }
      // A single dash means standard input; as an option's value, "-5" is a number.
      if word.hasPrefix("-"), word.count > 1 {
        try take(word, &rest)
      } else {
        operands.append(word)
      }
    }
    if operands.count > syntax.operands {
      throw .usage("unexpected argument '\(operands[syntax.operands])'")
    }
  }

  private mutating func take(
    _ word: String, _ rest: inout ArraySlice<String>
  ) throws(CommandError) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard let option = syntax.options.first(where: { $0.name == name }) else {
      let near = suggestion(for: name, among: syntax.options.map(\.name))
      throw .usage("there is no option '\(name)'\(near)")
    }
    let attached = parts.count == 2 ? String(parts[1]) : nil
    if !option.repeats, values[name] != nil {
      throw .usage("\(name) is given twice; give it once")
    }
    guard let kind = option.value else {
      guard attached == nil else { throw .usage("\(name) takes no value") }
      values[name] = [""]
      return
    }
    var value = attached
    if value == nil, let next = rest.first, !next.hasPrefix("--") { value = rest.removeFirst() }
    guard let value, option.allowsEmpty || !value.isEmpty else {
      throw .usage("\(name) needs a value: \(name) \(kind)")
    }
    values[name, default: []].append(value)
  }

  /// Whether an option was given.
  func has(_ name: String) -> Bool { !all(name).isEmpty }

  /// All values of an option, in order.
  func all(_ name: String) -> [String] {
    precondition(syntax.options.contains { $0.name == name }, "\(name) is not declared")
    return values[name] ?? []
  }

  /// The value of an option.
  func text(_ name: String) -> String? { all(name).first }

  /// The value of a required option.
  func required(_ name: String) throws(CommandError) -> String {
    guard let value = text(name) else {
      throw .usage("\(name) is missing; the command needs it")
    }
    return value
  }

  /// The value of an option as an integer in `range`, or nil if the option is not given.
  func integer(_ name: String, in range: ClosedRange<Int>) throws(CommandError) -> Int? {
    guard let text = text(name) else { return nil }
    guard let value = Int(text), range.contains(value) else {
      let legal =
        range.upperBound == .max
        ? "of \(range.lowerBound) or more" : "from \(range.lowerBound) to \(range.upperBound)"
      throw .usage("\(name) cannot be '\(text)'; it must be a whole number \(legal)")
    }
    return value
  }

  /// The value of an option as different integers, separated by commas, or nil if the option is not
  /// given. With `allowsNone`, the word `none` gives an empty list.
  func integers(
    _ name: String, in range: ClosedRange<Int>, allowsNone: Bool = false
  ) throws(CommandError) -> [Int]? {
    guard let text = text(name) else { return nil }
    if allowsNone, text == "none" { return [] }
    var numbers: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let number = Int(part), range.contains(number) else {
        throw .usage(
          "\(name) cannot be '\(text)'; it must be whole numbers from \(range.lowerBound) to "
            + "\(range.upperBound) with commas between\(allowsNone ? ", or 'none'" : "")")
      }
      guard !numbers.contains(number) else { throw .usage("\(name) names \(number) twice") }
      numbers.append(number)
    }
    return numbers
  }

  /// The value of an option, or else its default, as different non-empty values separated by
  /// commas.
  ///
  /// - Parameter noun: what a value is called in errors.
  func list(
    _ name: String, default other: String, of noun: String = "name"
  ) throws(CommandError) -> [String] {
    let text = text(name) ?? other
    var values: [String] = []
    for value in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      let value = value.trimmingCharacters(in: .whitespaces)
      guard !value.isEmpty else {
        throw .usage(
          "\(name) '\(text)' has an empty \(noun); write \(noun)s with commas between")
      }
      guard !values.contains(value) else { throw .usage("\(name) names '\(value)' twice") }
      values.append(value)
    }
    return values
  }

  /// The value of an option as a number, or nil if the option is not given.
  func number(
    _ name: String, _ legal: String, where isLegal: (Double) -> Bool
  ) throws(CommandError) -> Double? {
    guard let text = text(name) else { return nil }
    guard let value = Double(text), value.isFinite, isLegal(value) else {
      throw .usage("\(name) cannot be '\(text)'; it must be a number \(legal)")
    }
    return value
  }

  /// The value of an option as one of the words of `Choice`, or nil if the option is not given.
  func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, of type: Choice.Type
  ) throws(CommandError) -> Choice? where Choice.RawValue == String {
    guard let text = text(name) else { return nil }
    guard let value = Choice(rawValue: text) else {
      let legal = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw .usage("\(name) cannot be '\(text)'; it must be one of \(legal)")
    }
    return value
  }

  /// - Throws: `CommandError.usage` if `one` is given together with one of `others`.
  func refuse(_ one: String, with others: String...) throws(CommandError) {
    for other in others where has(one) && has(other) {
      throw .usage("\(one) and \(other) exclude each other; give one of them")
    }
  }

  /// - Throws: `CommandError.usage` if the option `name` is given without the option it depends on.
  func demand(_ needed: String, for name: String) throws(CommandError) {
    if has(name), !has(needed) { throw .usage("\(name) has no effect without \(needed)") }
  }
}
