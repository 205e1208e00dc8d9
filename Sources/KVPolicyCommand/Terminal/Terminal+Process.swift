import Foundation

extension Terminal {
  /// The streams, environment and folder of this process.
  ///
  /// From here on a write to a pipe that nobody reads is an error to be handled, not a signal that ends
  /// the process.
  public static func process() -> Terminal {
    signal(SIGPIPE, SIG_IGN)
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
