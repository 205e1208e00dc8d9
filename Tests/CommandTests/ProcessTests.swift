import Foundation
import Testing

/// What only a process of its own shows: bytes of its arguments, and files behind its streams.
@Suite("The program in a shell")
struct ProcessTests {
  /// Runs a script in the workshop's folder, where `kvpolicy` is the program that is built beside
  /// the tests.
  private func shell(_ script: String, in workshop: Workshop) throws -> (
    status: Int32, text: String
  ) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script]
    process.currentDirectoryURL = URL(fileURLWithPath: workshop.folder)
    let program = try #require(Bundle.main.executableURL).deletingLastPathComponent().path()
    process.environment = ["PATH": "\(program):/usr/bin:/bin", "KVPOLICY_MODEL": "bytes"]
    let output = Pipe()
    (process.standardOutput, process.standardError) = (output, output)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }

  private static let compare =
    "kvpolicy compare --policies full --prompt-tokens 8 --decode-tokens 2"

  @Test("an argument that is not UTF-8 is refused, U+FFFD itself is text")
  func arguments() throws {
    let workshop = try Workshop()
    let bad = try shell(
      #"kvpolicy generate --max-tokens 1 --prompt "$(printf 'a\377')""#, in: workshop)
    #expect(bad.status == 2 && bad.text.contains("argument 5, "), "\(bad.text)")
    let path = try shell(#"kvpolicy inspect --model "$(printf '\377')""#, in: workshop)
    #expect(path.status == 2 && path.text.contains("is not UTF-8 text"), "\(path.text)")
    let good = try shell(
      #"kvpolicy generate --max-tokens 1 --prompt "$(printf 'a\357\277\275')""#, in: workshop)
    #expect(good.status == 0 && good.text.contains("prompt: 4 tokens"), "\(good.text)")
  }

  @Test("an output never replaces standard input, or the file that the table goes to")
  func streams() throws {
    let workshop = try Workshop()
    try workshop.write("t.txt", String(repeating: "abcd ", count: 20))
    let input = try shell("\(Self.compare) --text - --json t.txt <t.txt", in: workshop)
    #expect(input.status == 2 && input.text.contains("its name is standard input"), "\(input.text)")
    #expect(try workshop.read("t.txt").hasPrefix("abcd "))
    for name in ["table.txt", "/dev/stdout"] {
      let output = try shell("\(Self.compare) --json \(name) >table.txt", in: workshop)
      #expect(output.status == 2 && output.text.contains("standard output or"), "\(output.text)")
    }
    let pipe = try shell("\(Self.compare) --json /dev/stdout", in: workshop)
    #expect(pipe.status == 0 && pipe.text.hasPrefix("{"), "\(pipe.text)")
  }

  @Test("messages never get into a file, although standard error is closed")
  func closed() throws {
    let workshop = try Workshop()
    let trace =
      "kvpolicy trace --model plain --tokens long.json --prompt-length 1 --config tova.json"
    try workshop.write("long.json", "\(Array(repeating: 1, count: 170))")
    let open = try shell("\(trace) --json open.json", in: workshop)
    #expect(open.status == 0 && open.text.contains("more than the model's context of 160"))
    let closed = try shell("\(trace) --json closed.json 2>&- <&- | cat", in: workshop)
    #expect(closed.status == 0, "\(closed.text)")
    #expect(try workshop.data("closed.json") == workshop.data("open.json"))
    let silent = try shell("\(trace) --json silent.json >&-", in: workshop)
    #expect(silent.status == 1 && silent.text.contains("standard output: "), "\(silent.text)")
    #expect(try workshop.data("silent.json") == workshop.data("open.json"))
  }
}
