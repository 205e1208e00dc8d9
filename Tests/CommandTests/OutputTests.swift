import Foundation
import Testing

@testable import KVPolicyCommand

@Suite("An output")
struct OutputTests {
  /// The ways in which a path can name a file of the folder `bytes`.
  enum Way: CaseIterable {
    case direct
    case dots
    case link
    case hardLink
    case linkedFolder

    /// Makes another name for a file of the folder `bytes`.
    func name(_ file: String, in workshop: Workshop) throws -> String {
      let path = workshop.byteModel + "/" + file
      let other = workshop.folder + "/other"
      switch self {
      case .direct: return path
      case .dots: return workshop.byteModel + "/../bytes/./" + file
      case .link:
        try FileManager.default.createSymbolicLink(atPath: other, withDestinationPath: path)
        return other
      case .hardLink:
        try FileManager.default.linkItem(atPath: path, toPath: other)
        return other
      case .linkedFolder:
        try FileManager.default.createSymbolicLink(
          atPath: other, withDestinationPath: workshop.byteModel)
        return other + "/" + file
      }
    }
  }

  private static let modelFiles = [
    "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
  ]

  /// Runs a command that must refuse, and checks that no file changed.
  private func refuse(_ words: [String], in workshop: Workshop, _ comment: Comment) throws {
    let before = try contents(workshop)
    let outcome = workshop.run(words)
    #expect(outcome.status == 2, comment)
    #expect(outcome.errors.contains("is an input of this command"), comment)
    #expect(outcome.output.isEmpty, comment)
    #expect(try contents(workshop) == before, comment)
  }

  private func contents(_ workshop: Workshop) throws -> [String: Data?] {
    var contents: [String: Data?] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: workshop.folder) {
      contents[name] = try? workshop.data(name)
    }
    return contents
  }

  @Test("never replaces a file of the model, under whatever name", arguments: Way.allCases)
  func model(_ way: Way) throws {
    for file in OutputTests.modelFiles {
      let workshop = try Workshop()
      let name = try way.name(file, in: workshop)
      try refuse(
        ["compare", "--model", "@/bytes", "--json", name], in: workshop, "\(way) \(file)")
    }
  }

  @Test(
    "of every command and option is held to this",
    arguments: [
      "compare --csv", "bench --json", "bench --csv", "capacity --json", "capacity --csv",
      "trace --tokens @/tokens.json --prompt-length 20 --config @/tova.json --json",
      "trace --tokens @/tokens.json --prompt-length 20 --config @/tova.json --logits",
    ])
  func commands(_ line: String) throws {
    let workshop = try Workshop()
    let words = line.split(separator: " ").map(String.init) + ["@/bytes/model.safetensors"]
    try refuse(words + ["--model", "@/bytes"], in: workshop, "\(line)")
  }

  @Test("never replaces the model at hand, in a folder or alone")
  func atHand() throws {
    let workshop = try Workshop()
    let gguf = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../Fixtures/weights/gguf").path()
    let name = try #require(
      try FileManager.default.contentsOfDirectory(atPath: gguf).filter { $0.hasSuffix(".gguf") }
        .min())
    let models = workshop.folder + "/Models"
    try FileManager.default.createDirectory(atPath: models, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: gguf + "/" + name, toPath: models + "/a.gguf")
    try refuse(["bench", "--json", "@/Models/a.gguf"], in: workshop, "at hand")
    try refuse(
      ["bench", "--model", "@/Models", "--json", "@/Models/a.gguf"], in: workshop, "folder")
  }

  @Test("never replaces a shard of a model, or the index that names it")
  func shards() throws {
    let workshop = try Workshop()
    let file = try workshop.data("bytes/model.safetensors")
    let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try #require(
      try JSONSerialization.jsonObject(with: file.dropFirst(8).prefix(length)) as? [String: Any])
    try FileManager.default.moveItem(
      atPath: workshop.byteModel + "/model.safetensors",
      toPath: workshop.byteModel + "/part.safetensors")
    let map = header.keys.sorted().map { #""\#($0)": "part.safetensors""# }
    try workshop.write(
      "bytes/model.safetensors.index.json",
      #"{"weight_map": {\#(map.joined(separator: ", "))}}"#)
    for name in ["part.safetensors", "model.safetensors.index.json"] {
      try refuse(
        ["compare", "--model", "@/bytes", "--json", "@/bytes/" + name], in: workshop, "\(name)")
    }
  }

  @Test("never replaces a configuration, text, case or earlier report, under another name either")
  func otherInputs() throws {
    let workshop = try Workshop()
    try workshop.write("t.txt", String(repeating: "abcd ", count: 20))
    try workshop.write(
      "case.json",
      #"{"model": "plain", "tokens": [1], "prompt_length": 1, "config": {"policy": "full"}}"#)
    for (name, line) in [
      ("tova.json", "compare --model @/bytes --config @/tova.json --json"),
      ("tova.json", "bench --model @/plain --config @/tova.json --csv"),
      ("tova.json", "capacity --model @/plain --config @/tova.json --csv"),
      ("tova.json", "tasks --config @/tova.json --html"),
      ("t.txt", "compare --model @/bytes --text @/t.txt --json"),
      ("case.json", "trace --root @/ --case @/case.json --json"),
      ("tokens.json", "trace --tokens @/tokens.json --prompt-length 9 --config @/tova.json --json"),
    ] {
      try? FileManager.default.removeItem(atPath: workshop.folder + "/other")
      try FileManager.default.linkItem(
        atPath: workshop.folder + "/" + name, toPath: workshop.folder + "/other")
      let words = line.split(separator: " ").map(String.init)
      try refuse(words + ["@/other"], in: workshop, "\(line)")
    }
  }

  @Test("that nobody named, the page of 'tasks', never replaces an input either")
  func page() throws {
    let workshop = try Workshop()
    try FileManager.default.linkItem(
      atPath: workshop.folder + "/tova.json", toPath: workshop.folder + "/kvpolicy.html")
    try refuse(["tasks", "--config", "@/tova.json"], in: workshop, "the page")
  }

  @Test("is compared with the inputs again before it replaces a file")
  func later() throws {
    let workshop = try Workshop()
    let terminal = Terminal(write: { _ in }, writeError: { _ in })
    try workshop.write("out", "old")
    let output = try OutputFile(workshop.folder + "/out", terminal: terminal)
    terminal.reads.add(workshop.folder + "/tova.json")
    let writer = try OutputWriter(output)
    try writer.write("new")
    _ = unsafe rename(workshop.folder + "/tova.json", workshop.folder + "/out")
    #expect(throws: CommandError.self) { try writer.finish() }
    #expect(try workshop.read("out").contains("tova"))
  }

  @Test("is not the same as another output, under another name either")
  func twice() throws {
    let workshop = try Workshop()
    try workshop.write("a", "old")
    try FileManager.default.linkItem(
      atPath: workshop.folder + "/a", toPath: workshop.folder + "/b")
    try FileManager.default.createSymbolicLink(
      atPath: workshop.folder + "/here", withDestinationPath: workshop.folder)
    for (one, other) in [
      ("@/a", "@/b"), ("@/new", "@/here/new"), ("@/new", "@/plain/../new"), ("@/here/a", "@/a"),
    ] {
      let outcome = workshop.run(["bench", "--model", "@/plain", "--json", one, "--csv", other])
      #expect(outcome.status == 2 && outcome.errors.contains("are the same file"), "\(other)")
    }
    #expect(try workshop.read("a") == "old")
  }

  private static let small = [
    "compare", "--model", "@/bytes", "--policies", "full", "--prompt-tokens", "8",
    "--decode-tokens", "2",
  ]

  @Test("keeps the mode of the file that it replaces", arguments: [0o600, 0o640, 0o664, 0o755])
  func mode(_ mode: Int) throws {
    let workshop = try Workshop()
    try workshop.write("out.json", "old")
    let path = workshop.folder + "/out.json"
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    #expect(workshop.run(OutputTests.small + ["--json", "@/out.json"]).status == 0)
    #expect(try workshop.read("out.json").hasPrefix("{"))
    let now = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(now == mode)
  }

  @Test("clears away what killed runs left beside it, and nothing else")
  func leftovers() throws {
    let workshop = try Workshop()
    for name in [".kvpolicy.1.2", ".kvpolicy.999999.77", ".kvpolicy.4.5", ".kvpolicy.x.1", "mine"] {
      try workshop.write(name, "part")
    }
    try FileManager.default.createSymbolicLink(
      atPath: workshop.folder + "/.kvpolicy.8.8", withDestinationPath: workshop.folder + "/mine")
    try FileManager.default.createDirectory(
      atPath: workshop.folder + "/.kvpolicy.9.9", withIntermediateDirectories: false)
    // A run that goes on holds its lock.
    let running = try Descriptor.writing(workshop.folder + "/.kvpolicy.4.5", isNew: false)
    defer { try? running.close() }
    #expect(running.lock(waits: false))
    #expect(workshop.run(OutputTests.small + ["--json", "@/out.json"]).status == 0)
    let names = workshop.names.filter { $0.hasPrefix(".") }
    #expect(names == [".kvpolicy.4.5", ".kvpolicy.x.1", ".kvpolicy.8.8", ".kvpolicy.9.9"])
    #expect(try workshop.read("mine") == "part")
  }

  @Test("that is given up leaves nothing behind, and one that is finished nothing but itself")
  func givenUp() throws {
    let workshop = try Workshop()
    let output = try OutputFile(
      workshop.folder + "/out", terminal: Terminal(write: { _ in }, writeError: { _ in }))
    let before = workshop.names
    do {
      let writer = try OutputWriter(output)
      try writer.write(Array(repeating: UInt8(65), count: 1 << 20))
      #expect(workshop.names.subtracting(before).count == 1)
    }
    #expect(workshop.names == before)
    try output.write("whole")
    #expect(workshop.names.subtracting(before) == ["out"])
  }

  @Test("to a full device is an error")
  func full() throws {
    guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
    let outcome = try Workshop().run(OutputTests.small + ["--json", "/dev/full"])
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(outcome.errors.contains("cannot write /dev/full: No space left"), "\(outcome.errors)")
  }
}
