/// The arguments of this process as the system gave them.
enum ProcessArguments {
  /// Checks arguments that are those of this process.
  ///
  /// `CommandLine.arguments` has U+FFFD in place of bytes that are not UTF-8, so only the bytes
  /// tell such an argument from one in which U+FFFD was typed.
  ///
  /// - Throws: `CommandError.usage` for an argument that is not UTF-8.
  static func check(_ arguments: [String]) throws(CommandError) {
    guard arguments.contains(where: { $0.unicodeScalars.contains("\u{FFFD}") }),
      arguments == CommandLine.arguments
    else { return }
    for (index, argument) in arguments.prefix(Int(CommandLine.argc)).enumerated() {
      // The system ends every argument with a zero byte, and there are `argc` of them.
      guard let bytes = unsafe CommandLine.unsafeArgv[index],
        unsafe String(validatingCString: bytes) == nil
      else { continue }
      throw .usage(
        "argument \(index), '\(argument)', is not UTF-8 text; convert it (a prompt can also come from "
          + "standard input, and a file can be renamed)")
    }
  }
}
