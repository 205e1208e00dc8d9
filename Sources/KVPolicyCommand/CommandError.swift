import KVPolicyKit

/// Why a command ends early.
enum CommandError: Error, Equatable {
  /// The command line cannot be understood. Exit status 2.
  case usage(String)
  /// The command was understood and failed. Exit status 1.
  case failure(String)
  /// The reader of the output stopped reading (`| head`), which is no error. Exit status 0.
  case outputClosed

  /// The exit status.
  var status: Int32 {
    switch self {
    case .usage: 2
    case .failure: 1
    case .outputClosed: 0
    }
  }
}

extension CommandError {
  /// Runs `body`, whose settings come from the command line itself and not from a file.
  ///
  /// - Throws: the error of `body` as `CommandError.usage`.
  static func fromArguments<Result>(
    _ body: () throws(PolicyError) -> Result
  ) throws(CommandError) -> Result {
    do { return try body() } catch { throw .usage(error.description) }
  }
}
