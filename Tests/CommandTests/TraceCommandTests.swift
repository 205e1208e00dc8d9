import Foundation
import KVPolicyKit
import Testing

@Suite("kvpolicy trace")
struct TraceCommandTests {
  /// The `kept` of a trace: by step, layer and key head.
  private func kept(_ text: String) throws -> [String: [[[Int]]]] {
    struct File: Decodable { let kept: [String: [[[Int]]]] }
    return try JSONDecoder().decode(File.self, from: Data(text.utf8)).kept
  }

  private func trace(_ workshop: Workshop, _ more: String...) -> Outcome {
    workshop.run(
      [
        "trace", "--model", "@/plain", "--tokens", "@/tokens.json", "--prompt-length", "20",
        "--config", "@/tova.json",
      ] + more)
  }

  @Test("what is kept is given for the prompt and every step, as many as the policy may keep")
  func keptSets() throws {
    let workshop = try Workshop()
    let outcome = trace(workshop, "--json", "@/out.json", "--logits", "@/out.safetensors")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let kept = try kept(workshop.read("out.json"))
    #expect(Set(kept.keys) == Set((0...28).map(String.init)))
    for (step, layers) in kept {
      #expect(layers.count == TinyModel.shape.layers)
      for lane in layers.joined() {
        #expect(lane.count == 8)
        #expect(lane == lane.sorted() && Set(lane).count == lane.count)
        #expect(lane.allSatisfy { $0 < 20 + (Int(step) ?? 0) })
      }
    }
    let header = #"{"logits":{"dtype":"F32","shape":[29,64],"data_offsets":[0,7424]}}"#
    let file = try workshop.data("out.safetensors")
    #expect(String(decoding: file.dropFirst(8).prefix(header.utf8.count), as: UTF8.self) == header)
    #expect(file.count % 8 == 0 && file.count >= 8 + header.utf8.count + 7424)
    #expect(workshop.names.isSuperset(of: ["out.json", "out.safetensors"]))
    #expect(
      workshop.names.allSatisfy { !$0.hasPrefix("out.") || $0.split(separator: ".").count == 2 })
  }

  @Test("the chunk does not change what a policy keeps that decides when the prompt ends")
  func chunks() throws {
    let workshop = try Workshop()
    let whole = trace(workshop, "--json", "-")
    #expect(whole.status == 0)
    let parts = trace(workshop, "--json", "-", "--chunk", "7")
    #expect(try kept(whole.output) == kept(parts.output))
  }

  @Test("what is kept after each chunk is given first, if the policy forgets after chunks")
  func keptAfterChunks() throws {
    let workshop = try Workshop()
    let policy = #""policy": "snapkv", "capacity": 6, "window": 2, "lastPromptToken": "decode""#
    func states(_ settings: String) throws -> [String: [[[Int]]]] {
      try workshop.write("tova.json", "{\(policy), \(settings)}")
      return try kept(trace(workshop, "--json", "-", "--chunk", "9").output)
    }
    let after = try states(#""when": "everyChunk", "chunk": 8"#)
    #expect(Set(after.keys) == Set(["chunk1", "chunk2", "chunk3"] + (0...28).map(String.init)))
    // Nineteen tokens are read in chunks, the twentieth by a step that forgets nothing.
    for (state, last) in [("chunk1", 7), ("chunk2", 15), ("chunk3", 18)] {
      #expect(after[state]?.joined().allSatisfy { $0.count == 6 && $0.last == last } == true)
    }
    #expect(after["0"]?.joined().allSatisfy { $0.count == 7 && $0.last == 19 } == true)
    let atEnd = try states(#""when": "afterPrompt", "chunk": 8"#)
    #expect(Set(atEnd.keys) == Set((0...28).map(String.init)))
  }

  @Test("a case says the same as the options do")
  func cases() throws {
    let workshop = try Workshop()
    let tokens = try workshop.read("tokens.json")
    try workshop.write(
      "case.json",
      """
      {"model": "plain", "tokens": \(tokens), "prompt_length": 20, "steps": 28, "extra": {"a": 1},
       "policy": {"kind": "tova"}, "config": {"policy": "tova", "capacity": 8}}
      """)
    let outcome = workshop.run(
      ["trace", "--case", "@/case.json", "--root", "@/", "--json", "-"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try kept(outcome.output) == kept(trace(workshop, "--json", "-").output))
  }

  @Test(
    "a case of the architecture alone gives the logits of every token, those of a prompt of one token first"
  )
  func architecture() throws {
    let workshop = try Workshop()
    try workshop.write("arch.json", #"{"model": "plain", "tokens": [3, 1, 4, 1, 5]}"#)
    let outcome = workshop.run(
      ["trace", "--case", "@/arch.json", "--root", "@/", "--logits", "@/arch.safetensors"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    try workshop.write("five.json", "[3, 1, 4, 1, 5]")
    try workshop.write("full.json", #"{"policy": "full"}"#)
    let steps = workshop.run([
      "trace", "--model", "@/plain", "--tokens", "@/five.json", "--prompt-length", "1",
      "--config", "@/full.json", "--logits", "@/steps.safetensors",
    ])
    #expect(steps.status == 0, "\(steps.errors)")
    let (all, one) = (
      try floats(workshop.data("arch.safetensors")), try floats(workshop.data("steps.safetensors"))
    )
    #expect(all.count == 5 * TinyModel.plainVocabulary && one.count == all.count)
    // A chunk and a step add in different orders, so logits of order 1 differ by float32 rounding.
    for (a, b) in zip(all, one) { #expect(abs(a - b) < 1e-4) }
  }

  private func floats(_ file: Data) -> [Float] {
    let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let data = Array(file.dropFirst(8 + length))
    return stride(from: 0, to: data.count, by: 4).map { start in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(data[start + $1]) << UInt32(8 * $1) })
    }
  }

  @Test("a device can be written to, and stays what it is")
  func device() throws {
    let workshop = try Workshop()
    #expect(trace(workshop, "--json", "/dev/null").status == 0)
    #expect(
      try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type] as? FileAttributeType
        == .typeCharacterSpecial)
  }

  @Test("a link is written through, and stays a link")
  func link() throws {
    let workshop = try Workshop()
    try workshop.write("real.json", "old")
    try FileManager.default.createSymbolicLink(
      atPath: workshop.folder + "/link.json", withDestinationPath: workshop.folder + "/real.json")
    #expect(trace(workshop, "--json", "@/link.json").status == 0)
    #expect(try workshop.read("real.json").hasPrefix("{"))
    let link = try FileManager.default.destinationOfSymbolicLink(
      atPath: workshop.folder + "/link.json")
    #expect(link == workshop.folder + "/real.json")
  }

  @Test("a link to a file that is not there yet makes that file, and stays a link")
  func danglingLink() throws {
    let workshop = try Workshop()
    let link = workshop.folder + "/link.json"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "real.json")
    #expect(trace(workshop, "--json", "@/link.json").status == 0)
    #expect(try workshop.read("real.json").hasPrefix("{"))
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "real.json")
    let twice = trace(workshop, "--json", "@/link.json", "--logits", "@/real.json")
    #expect(twice.status == 2)
  }

  @Test("links that lead in a circle are refused, and stay")
  func circle() throws {
    let workshop = try Workshop()
    for (link, target) in [("a", "b"), ("b", "a")] {
      try FileManager.default.createSymbolicLink(
        atPath: workshop.folder + "/" + link, withDestinationPath: target)
    }
    let outcome = trace(workshop, "--json", "@/a")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("cannot write"))
    #expect(
      try FileManager.default.destinationOfSymbolicLink(atPath: workshop.folder + "/a") == "b")
  }

  @Test("a name as long as names can be is written")
  func longName() throws {
    let workshop = try Workshop()
    let name = String(repeating: "n", count: 255)
    #expect(trace(workshop, "--json", "@/" + name).status == 0)
    #expect(try workshop.read(name).hasPrefix("{"))
  }

  @Test("a named pipe is written to when somebody reads it, and refused at once when nobody does")
  func pipe() throws {
    let workshop = try Workshop()
    let path = workshop.folder + "/pipe"
    try #require(unsafe mkfifo(path, 0o600) == 0)
    let alone = trace(workshop, "--json", "@/pipe")
    #expect(alone.status == 1)
    #expect(alone.errors.contains("nobody reads from it"))
    let reader = unsafe open(path, O_RDONLY | O_NONBLOCK)
    try #require(reader >= 0)
    defer { close(reader) }
    #expect(trace(workshop, "--json", "@/pipe").status == 0)
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = unsafe bytes.withUnsafeMutableBytes {
      unsafe read(reader, $0.baseAddress, $0.count)
    }
    try #require(count > 0)
    let expected = try kept(trace(workshop, "--json", "-").output)
    #expect(try kept(String(decoding: bytes[..<count], as: UTF8.self)) == expected)
  }

  @Test("a case's own model is not written over")
  func ownModel() throws {
    let workshop = try Workshop()
    try workshop.write(
      "case.json",
      #"{"model": "tova.json", "tokens": [1], "prompt_length": 1, "config": {"policy": "full"}}"#)
    let outcome = workshop.run(
      ["trace", "--case", "@/case.json", "--root", "@/", "--json", "@/tova.json"])
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("is an input of this command"))
  }

  @Test("a failing run leaves an older file as it was")
  func untouched() throws {
    let workshop = try Workshop()
    try workshop.write("out.json", "old")
    try workshop.write("tokens.json", "[1, 2, 99]")
    let outcome = workshop.run([
      "trace", "--model", "@/plain", "--tokens", "@/tokens.json", "--prompt-length", "2",
      "--config", "@/tova.json", "--json", "@/out.json",
    ])
    #expect(outcome.status == 1)
    #expect(try workshop.read("out.json") == "old")
  }
}
