// Shows how much memory the process has, as the operating system counts it.
//
//     ResidentProbe release
//     ResidentProbe decode MODEL CONFIGURATION STEPS [THREADS [ROWS]]
//
// The first fills sequences, evicts and releases, and prints the bytes of pages in use and of the process
// after each part. The tests run it, in a process of its own because they run side by side. The second
// decodes so many made-up tokens and prints, for every tenth of them, tokens a second and the resident
// bytes: see `Scripts/long_run.sh`.
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
