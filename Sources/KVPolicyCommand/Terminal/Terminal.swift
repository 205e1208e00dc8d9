import Foundation

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
  /// The environment variables.
  public var environment: [String: String]
  /// The folder in which commands look for the folder `Models`, and in which `tasks` writes its
  /// page.
  public var workingFolder: String

  /// Makes a terminal. By default its input is empty, it is not interactive, and it has no
  /// environment variables.
  public init(
    write: @escaping (String) throws(Failure) -> Void,
    writeError: @escaping (String) -> Void,
    read: @escaping (Int) throws(Failure) -> [UInt8] = { _ in [] },
    isInteractive: Bool = false, environment: [String: String] = [:], workingFolder: String = "."
  ) {
    self.write = write
    self.writeError = writeError
    self.read = read
    self.isInteractive = isInteractive
    self.environment = environment
    self.workingFolder = workingFolder
  }

  /// Writes to standard output.
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
}

extension Terminal {
  /// The streams, environment and folder of this process.
  ///
  /// From this call on, a write to a pipe without a reader, or beyond the limit of a file's size, is
  /// an error to handle, not a signal that ends the process. A model file that is cut short while
  /// the program reads it ends the process with a message and status 1.
  public static func process() -> Terminal {
    ProcessSignals.install()
    return Terminal(
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
      environment: ProcessInfo.processInfo.environment)
  }
}
