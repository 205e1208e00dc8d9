import Foundation
import Testing
import Training

/// Writes models for `Scripts/checkpoint_parity.py`, where `KVPOLICY_CHECKPOINTS` names a folder.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["KVPOLICY_CHECKPOINTS"] != nil))
struct ForeignProgramsTests {
  @Test("files for other programs", arguments: [true, false])
  func write(tied: Bool) throws {
    let place = try #require(ProcessInfo.processInfo.environment["KVPOLICY_CHECKPOINTS"])
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    let name = place + (tied ? "/tied" : "/untied")
    try? FileManager.default.removeItem(atPath: name)
    let words = tied ? someWords : shortWords
    let checkpoint = try randomCheckpoint(WordVocabulary(words), tied: tied)
    try checkpoint.write(folder: name)
    for format in Checkpoint.MatrixFormat.allCases {
      try checkpoint.write(gguf: "\(name).\(format).gguf", format)
    }
  }
}
