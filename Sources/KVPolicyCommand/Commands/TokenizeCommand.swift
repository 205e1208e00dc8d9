import KVPolicyKit
import ReferenceModel
import Reporting

/// `kvpolicy tokenize`.
struct TokenizeCommand: Command {
  static let syntax = Syntax(
    name: "tokenize", summary: "turn text into a model's tokens, or tokens into text",
    usage: "[--model PATH] [options] < LINES",
    options: [
      .model,
      Option(flag: "--decode", "read tokens and print text"),
      Option(
        "--special", "yes|no", "whether special tokens are found in text, or shown in it",
        default: defaultSpecial.rawValue),
    ],
    notes: """
      Every line of standard input is a JSON string; every line of output is the array of its tokens.
      With --decode it is the other way round. A beginning-of-text token is not added.
      """)
  private static let defaultSpecial = YesOrNo.yes

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    let decodes = arguments.has("--decode")
    let special =
      try arguments.choice("--special", of: YesOrNo.self) ?? TokenizeCommand.defaultSpecial
    let tokenizer = try open(model(arguments), writing: []).tokenizer()
    var lines = LineReader(terminal: terminal)
    var number = 0
    while let line = try lines.next() {
      number += 1
      do {
        let value = try TokenizeCommand.value(line)
        let answer =
          decodes
          ? JSONValue.string(
            try tokenizer.decode(TokenizeCommand.tokens(value), skipSpecial: special == .no))
          : JSONValue.array(
            tokenizer.encode(try TokenizeCommand.text(value), parseSpecial: special == .yes)
              .map { JSONValue($0) })
        try terminal.print(TerminalText.escaped(json: answer.text) + "\n")
      } catch CommandError.outputClosed {
        throw CommandError.outputClosed
      } catch {
        throw CommandError.failure("line \(number): \(TokenizeCommand.reason(error))")
      }
    }
  }

  private static func value(_ line: [UInt8]) throws(CommandError) -> JSONValue {
    guard let text = String(validating: line, as: UTF8.self) else {
      let column = TextPlace(ofInvalidUTF8In: line).map { ": column \($0.column)" } ?? ""
      throw .failure("it is not UTF-8" + column)
    }
    do throws(JSONError) {
      return try JSONValue.parse(text)
    } catch {
      throw .failure("it is not JSON: column \(error.column): \(error.reason)")
    }
  }

  private static func text(_ value: JSONValue) throws(CommandError) -> String {
    guard case .string(let text) = value else {
      throw .failure("it must be a JSON string; with --decode, an array of tokens")
    }
    return text
  }

  private static func tokens(_ value: JSONValue) throws(CommandError) -> [Int] {
    guard let tokens = TokenList.tokens(value) else {
      throw .failure("it must be a JSON array of whole numbers")
    }
    return tokens
  }

  private static func reason(_ error: any Error) -> String {
    if case CommandError.failure(let reason) = error { reason } else { "\(error)" }
  }
}
