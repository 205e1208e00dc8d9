// Shows the resident memory of the process, as the operating system counts it.
//
//     ResidentProbe release ResidentProbe decode MODEL CONFIGURATION STEPS [THREADS [ROWS]]
//
// `release` fills sequences, evicts and releases, and prints after each part the bytes of pages in
// use and the resident bytes of the process. The tests run it in its own process, because they run
// side by side. `decode` decodes STEPS made-up tokens and prints, for every tenth of them, tokens
// per second and resident bytes: see `Scripts/long_run.sh`.
import Foundation
import KVPolicyKit
import Policies
import ReferenceModel

#if os(Linux)
  do {
    let words = Array(CommandLine.arguments.dropFirst())
    switch words.first {
    case "release" where words.count == 1: try showRelease()
    case "decode" where (4...6).contains(words.count): try LongRun(words).run()
    default:
      throw ModelError.request(
        "usage: ResidentProbe release | decode MODEL CONFIGURATION STEPS [THREADS [ROWS]]")
    }
  } catch {
    FileHandle.standardError.write(Data("ResidentProbe: \(error)\n".utf8))
    exit(1)
  }
#else
  print("resident memory is read on Linux only")
#endif
