import Foundation

/// The signals of a command-line process. Libraries leave signals alone.
enum ProcessSignals {
  /// Turns signals of writing into errors of `write`, and the signal for a missing page of a mapped
  /// file into a message and exit status 1.
  static func install() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    signal(SIGBUS) { _ in
      // A literal, because a signal handler may neither allocate memory nor take locks.
      let text: StaticString =
        "kvpolicy: a file was cut short while it was read; restore it and run the command again\n"
      // The text has `utf8CodeUnitCount` bytes. `write` and `_exit` are async-signal-safe.
      _ = unsafe write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
      _exit(1)
    }
  }
}
