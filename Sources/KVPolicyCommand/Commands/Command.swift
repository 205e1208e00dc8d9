import Foundation
import KVPolicyKit
import ReferenceModel

/// One command of the tool.
protocol Command: SendableMetatype {
  /// How it is called.
  static var syntax: Syntax { get }

  /// Makes it.
  init(registry: PolicyRegistry, terminal: Terminal)

  /// The policies that can be named.
  var registry: PolicyRegistry { get }
  /// Where it reads and writes.
  var terminal: Terminal { get }

  /// Runs it. Every error is shown to the user by its description.
  func run(_ arguments: Arguments) throws
}

/// Options that several commands share.
extension Option {
  static let model = Option(
    "--model", "PATH", "a GGUF file, a Hugging Face folder or 'bundled'",
    default: "the model at hand")
  static let threads = Option(
    "--threads", "COUNT", "threads that work on a matrix", default: "one per core")
  static let arithmetic = Option(
    "--arithmetic", Arithmetic.allCases.map(\.rawValue).joined(separator: "|"),
    "how decode steps multiply quantised weights", default: LlamaModel.defaultArithmetic.rawValue)
  static let chunk = Option(
    "--chunk", "TOKENS", "prompt tokens that go through a layer together",
    default: "\(LlamaSession.defaultChunk)")
  static func rows(_ format: RowFormat = StoreConfiguration.Default.format) -> Option {
    let formats = RowFormat.allCases.map(\.rawValue).joined(separator: "|")
    return Option(
      "--rows", formats, "how keys and values are stored", default: format.rawValue)
  }
}

extension Command {
  /// The file at a path, or standard input for `-`.
  func input(_ path: String) -> InputFile { InputFile(path: path, terminal: terminal) }

  /// A configuration file, whose policies and settings there are.
  func configuration(_ path: String) throws -> PolicyConfiguration {
    let text = try input(path).text()
    do {
      let configuration = try PolicyConfiguration(parsing: text)
      for choice in [configuration.main] + configuration.overrides.map(\.choice) {
        _ = try registry.make(choice.policy, choice.settings)
      }
      return configuration
    } catch {
      throw CommandError.failure("\(input(path).name): \(error)")
    }
  }

  /// The threads asked for.
  func threads(_ arguments: Arguments) throws(CommandError) -> Int {
    try arguments.integer("--threads", in: 1...256) ?? LlamaModel.defaultThreads
  }

  /// The arithmetic asked for.
  func arithmetic(_ arguments: Arguments) throws(CommandError) -> Arithmetic {
    try arguments.choice("--arithmetic", of: Arithmetic.self) ?? LlamaModel.defaultArithmetic
  }

  /// How rows are to be stored.
  func rows(
    _ arguments: Arguments, default format: RowFormat = StoreConfiguration.Default.format
  ) throws(CommandError) -> RowFormat {
    try arguments.choice("--rows", of: RowFormat.self) ?? format
  }

  /// The chunk asked for.
  func chunk(_ arguments: Arguments) throws(CommandError) -> Int {
    try arguments.integer("--chunk", in: 1...65_536) ?? LlamaSession.defaultChunk
  }

  /// - Throws: `CommandError.usage` if two of several files are read from standard input.
  func refuseTwoInputs(_ paths: [String?]) throws(CommandError) {
    if paths.count(where: { $0 == "-" }) > 1 {
      throw .usage("only one file can be read from standard input ('-')")
    }
  }

  /// A place for output that is none of the command's inputs.
  func output(_ path: String?, not inputs: [String?]) throws(CommandError) -> OutputFile? {
    guard let path else { return nil }
    let file = try OutputFile(path, terminal: terminal)
    for case let input? in inputs where input != "-" && file.isSame(as: input) {
      throw .usage("\(path) is an input of this command; write somewhere else")
    }
    return file
  }
}
