import Evaluation
import Foundation
import Reporting

/// The streams, environment and folder of a command, as values: so a command can also run inside a
/// test or another program.
public struct Terminal {
  /// Why a stream cannot be read or written.
  public enum Failure: Error, Equatable, Sendable {
    /// The reader of the output has closed it.
    case closed
    /// Any other reason, in words.
    case failed(String)
  }

  /// Writes text to standard output, without buffering.
  public var write: (String) throws(Failure) -> Void
  /// Writes text to standard error, and ignores errors.
  public var writeError: (String) -> Void
  /// Reads at most the given number of bytes of standard input; an empty array means its end.
  public var read: (Int) throws(Failure) -> [UInt8]
  /// Whether standard error is an interactive terminal, in which a progress bar can be redrawn.
  public var isInteractive: Bool
  /// Whether standard output is an interactive terminal, which obeys control characters. `generate`
  /// then shows them as escapes.
  public var isOutputInteractive: Bool
  /// The environment variables.
  public var environment: [String: String]
  /// The folder in which commands look for the folder `Models`, and in which `tasks` writes its
  /// page.
  public var workingFolder: String
  /// The files that the current run reads.
  var reads = ReadFiles()
  /// The descriptors of standard input, output and error, if these are the streams.
  private var descriptors: [Descriptor] = []

  /// Makes a terminal. By default its input is empty, it is not interactive, and it has no
  /// environment variables.
  public init(
    write: @escaping (String) throws(Failure) -> Void,
    writeError: @escaping (String) -> Void,
    read: @escaping (Int) throws(Failure) -> [UInt8] = { _ in [] },
    isInteractive: Bool = false, isOutputInteractive: Bool = false,
    environment: [String: String] = [:], workingFolder: String = "."
  ) {
    self.write = write
    self.writeError = writeError
    self.read = read
    self.isInteractive = isInteractive
    self.isOutputInteractive = isOutputInteractive
    self.environment = environment
    self.workingFolder = workingFolder
  }

  /// Writes to standard output, every character as it is.
  ///
  /// - Throws: `CommandError.outputClosed` if the reader has closed the pipe, `.failure` for other
  ///   reasons.
  func print(_ text: String) throws(CommandError) {
    do {
      try write(text)
    } catch {
      switch error {
      case .closed: throw .outputClosed
      case .failed(let reason): throw .failure("cannot write to standard output: \(reason)")
      }
    }
  }

  /// Writes text for people to standard output: control characters other than line ends are shown
  /// as escapes.
  func show(_ text: String) throws(CommandError) {
    try print(TerminalText.escaped(text, keeping: "\n"))
  }

  /// Writes a message to standard error, as one line: control characters are shown as escapes.
  func note(_ message: String) { writeError("kvpolicy: \(TerminalText.escaped(message))\n") }

  /// Says what is about to run.
  func announce(_ plan: RunPlan) {
    note(plan.summary)
    if let warning = plan.warning { note(warning) }
  }
}

/// The files behind the streams.
extension Terminal {
  /// Adds standard input to the files that the run reads.
  func addStandardInput() {
    if let input = descriptors.first { reads.add(input, name: "standard input") }
  }

  /// Whether standard output or standard error is this file.
  func writes(to file: FileIdentity) -> Bool {
    descriptors.dropFirst().contains { (try? FileStatus.of($0))?.identity == file }
  }
}

extension Terminal {
  /// The streams, environment and folder of this process.
  ///
  /// From this call on, a write to a pipe without a reader, or beyond the limit of a file's size,
  /// is an error to handle, not a signal that ends the process. A model file that is cut short
  /// while the program reads it ends the process with a message and status 1. A stream that is
  /// closed is opened so that using it is an error.
  public static func process() -> Terminal {
    ProcessSignals.install()
    Descriptor.occupyStandardStreams()
    var terminal = Terminal(
      write: { text throws(Failure) in
        do throws(SystemError) {
          try Descriptor.standardOutput.write(Array(text.utf8))
        } catch {
          throw error.code == EPIPE ? .closed : .failed(error.reason)
        }
      },
      writeError: { try? Descriptor.standardError.write(Array($0.utf8)) },
      read: { limit throws(Failure) in
        do throws(SystemError) {
          return try Descriptor.standardInput.read(limit)
        } catch {
          throw .failed(error.reason)
        }
      },
      isInteractive: isatty(Descriptor.standardError.number) == 1,
      isOutputInteractive: isatty(Descriptor.standardOutput.number) == 1,
      environment: ProcessInfo.processInfo.environment)
    terminal.descriptors = Descriptor.standard
    return terminal
  }
}
