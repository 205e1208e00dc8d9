import Foundation
import KVPolicyKit
import ReferenceModel

/// A command of the tool.
protocol Command: SendableMetatype {
  /// The name, operands and options of the command.
  static var syntax: Syntax { get }

  init(registry: PolicyRegistry, terminal: Terminal)

  /// The policies that the command line can name.
  var registry: PolicyRegistry { get }
  /// The streams, environment and folder that the command uses.
  var terminal: Terminal { get }

  /// Runs the command. The user is shown the description of any error.
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

  /// The configuration in a file.
  ///
  /// - Throws: `CommandError.failure` if the file cannot be read, is not a configuration, or has an
  ///   unknown policy or an illegal setting.
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

  /// The number of threads that `--threads` gives, or else the default.
  func threads(_ arguments: Arguments) throws(CommandError) -> Int {
    try arguments.integer("--threads", in: 1...256) ?? LlamaModel.defaultThreads
  }

  /// The arithmetic that `--arithmetic` names, or else the default.
  func arithmetic(_ arguments: Arguments) throws(CommandError) -> Arithmetic {
    try arguments.choice("--arithmetic", of: Arithmetic.self) ?? LlamaModel.defaultArithmetic
  }

  /// The row format that `--rows` names, or else `format`.
  func rows(
    _ arguments: Arguments, default format: RowFormat = StoreConfiguration.Default.format
  ) throws(CommandError) -> RowFormat {
    try arguments.choice("--rows", of: RowFormat.self) ?? format
  }

  /// The number of tokens that `--chunk` gives, or else the default.
  func chunk(_ arguments: Arguments) throws(CommandError) -> Int {
    try arguments.integer("--chunk", in: 1...65_536) ?? LlamaSession.defaultChunk
  }

  /// - Throws: `CommandError.usage` if more than one of `paths` is standard input.
  func refuseTwoInputs(_ paths: [String?]) throws(CommandError) {
    if paths.count(where: { $0 == "-" }) > 1 {
      throw .usage("only one file can be read from standard input ('-')")
    }
  }

  /// The output file at `path`, or nil without a path.
  ///
  /// - Throws: `CommandError.usage` if the file is one of `inputs`; `CommandError.failure` if it
  ///   cannot be written.
  func output(_ path: String?, not inputs: [String?]) throws(CommandError) -> OutputFile? {
    guard let path else { return nil }
    let file = try OutputFile(path, terminal: terminal)
    for case let input? in inputs where input != "-" && file.isSame(as: input) {
      throw .usage("\(path) is an input of this command; write somewhere else")
    }
    return file
  }
}
