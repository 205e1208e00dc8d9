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
    "whether quantised weights are multiplied with inputs rounded to 8 bits: those of decode "
      + "steps, or those of prompts too", default: LlamaModel.defaultArithmetic.rawValue)
  static let chunk = Option(
    "--chunk", "TOKENS", "prompt tokens that go through a layer together",
    default: "\(LlamaSession.defaultChunk)")
  static let special = Option(
    "--special", "yes|no", "whether special tokens are found in the text",
    default: YesOrNo.no.rawValue)
  static let chat = Option(flag: "--chat", "write the prompt as a turn of a conversation")
  static let system = Option(
    "--system", "TEXT", "what the conversation begins with", allowsEmpty: true)
  static func rows(_ format: RowFormat = StoreConfiguration.Default.format) -> Option {
    let formats = RowFormat.allCases.map(\.rawValue).joined(separator: "|")
    return Option(
      "--rows", formats, "how keys and values are stored", default: format.rawValue)
  }
}

/// The answers to a question that an option asks.
enum YesOrNo: String, CaseIterable {
  case yes
  case no
}

extension Command {
  /// Whether special tokens are found in a text or prompt: only if `--special` says so.
  func findsSpecial(_ arguments: Arguments) throws(CommandError) -> Bool {
    try arguments.choice("--special", of: YesOrNo.self) == .yes
  }

  /// The file at a path, or standard input for `-`, as an input that no output may replace.
  func input(_ path: String) -> InputFile {
    InputFile(path: path, terminal: terminal, isProtected: true)
  }

  /// The configuration in a file.
  ///
  /// - Throws: `CommandError.failure` if the file cannot be read, is not a configuration, or has an
  ///   unknown policy or an illegal setting.
  func configuration(_ path: String) throws -> PolicyConfiguration {
    let text = try input(path).text()
    do {
      return try locating(PolicyConfiguration(parsing: text), namedBy: path)
    } catch {
      throw CommandError.failure("\(input(path).name): \(error)")
    }
  }

  /// A configuration with the artifacts that it names: paths begin in the folder of the file that
  /// names them, or in the working folder for standard input. No output may replace the artifacts.
  /// Says on standard error which artifacts do not name their model.
  ///
  /// - Throws: `PolicyError` for an unknown policy, an illegal setting or an unusable artifact.
  func locating(
    _ configuration: PolicyConfiguration, namedBy path: String
  ) throws(PolicyError) -> PolicyConfiguration {
    let parent = TemporaryFile.folder(of: path)
    let folder =
      path == "-" ? terminal.workingFolder : parent.isEmpty && path.first == "/" ? "/" : parent
    let (located, artifacts) = try configuration.locatingArtifacts(registry, from: folder)
    for named in artifacts {
      terminal.reads.add(named.file)
      guard named.artifact.model == nil else { continue }
      terminal.note(
        "\(named.file) does not name the model that it was made on: only its shape is checked")
    }
    return located
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
  /// - Parameter inputs: the paths that the command line names as inputs.
  /// - Throws: `CommandError.usage` if the file is one of `inputs` or has been read;
  ///   `CommandError.failure` if it cannot be written.
  func output(_ path: String?, not inputs: [String?]) throws(CommandError) -> OutputFile? {
    for case let input? in inputs where input != "-" { terminal.reads.add(input) }
    guard let path else { return nil }
    let file = try OutputFile(path, terminal: terminal)
    try file.checkNotRead()
    return file
  }

  /// Opens a model, the last input of a run, and prints its warnings to standard error.
  ///
  /// - Throws: `CommandError.usage` if one of `outputs` is a file that the run reads: one of the
  ///   model's, or one that was opened before.
  func open(_ model: ModelAtHand, writing outputs: [OutputFile?]) throws -> ModelFiles {
    let files = try model.open()
    for path in files.paths { terminal.reads.add(path) }
    for case let output? in outputs { try output.checkNotRead() }
    for warning in files.warnings { terminal.note("\(model.name): \(warning)") }
    return files
  }
}
