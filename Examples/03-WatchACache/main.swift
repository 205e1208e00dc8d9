// Draws a cache after every token.
//
//     swift run WatchACache [--policy NAME] [--budget ROWS] [--prompt TOKENS] [--steps COUNT]
//                           [--frames-per-second NUMBER] [--model PATH | --model bundled]
import Foundation
import KVPolicyKit
import KVPolicyTesting
import Policies

do {
  let options = try WatchOptions(Array(CommandLine.arguments.dropFirst()))
  if options.wantsHelp {
    print(WatchOptions.help, terminator: "")
    exit(0)
  }
  try options.watch { frame, isFirst in
    // On a terminal every frame is drawn over the previous frame.
    let isTerminal = isatty(STDOUT_FILENO) != 0
    let lines = frame.components(separatedBy: "\n").count
    print(isFirst || !isTerminal ? frame : "\u{1B}[\(lines)A\(frame)")
    if isTerminal { Thread.sleep(forTimeInterval: 1 / options.framesPerSecond) }
  }
} catch {
  FileHandle.standardError.write(Data("WatchACache: \(error)\n".utf8))
  exit(2)
}
