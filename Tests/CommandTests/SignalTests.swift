import Foundation
import Testing

@Suite("Signals of the process")
struct SignalTests {
  @Test("a model cut short while it runs ends the command")
  func modelCutShort() throws {
    let workshop = try Workshop()
    // Without a token that ends a text, and with a policy that evicts, the run has no end, so it is
    // not over before the file is cut. A limit of processor time ends a run that misses the cut.
    try FileManager.default.removeItem(atPath: workshop.byteModel + "/tokenizer_config.json")
    let run = try ToolProcess(
      #"""
      ulimit -t 120
      exec "$0" generate --model "$1" --prompt Once --max-tokens 16777216 \
        --policy streamingllm --budget 16
      """#, [workshop.byteModel])
    try run.waitForOutput()
    #expect(unsafe truncate(workshop.byteModel + "/model.safetensors", 0) == 0)
    let outcome = try run.finish()
    #expect(outcome.status == 1)
    let message = "a file was cut short while it was read; restore it and run the command again"
    #expect(outcome.errors == "kvpolicy: \(message)\n")
  }

  @Test("a file beyond the limit of its size is an error, and no part of it is left")
  func fileTooLarge() throws {
    let workshop = try Workshop()
    let before = workshop.names
    let files = ["tokens.json", "tova.json", "out.json"].map { "\(workshop.folder)/\($0)" }
    let run = try ToolProcess(
      #"""
      ulimit -f 1
      exec "$0" trace --model "$1" --tokens "$2" --prompt-length 40 --config "$3" --json "$4"
      """#, [workshop.plainModel] + files)
    let outcome = try run.finish()
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(outcome.errors == "kvpolicy: cannot write \(files[2]): File too large\n")
    #expect(workshop.names == before)
  }

  @Test("standard output beyond the limit of its size is an error")
  func outputTooLarge() throws {
    let workshop = try Workshop()
    let run = try ToolProcess(
      #"ulimit -f 1; exec "$0" inspect --model "$1" --json > "$2""#,
      [workshop.plainModel, workshop.folder + "/page.json"])
    let outcome = try run.finish()
    #expect(outcome.status == 1)
    #expect(outcome.errors == "kvpolicy: cannot write to standard output: File too large\n")
  }
}
