import Foundation
import KVPolicyKit
import Policies
import Testing

@Suite("kvpolicy inspect and policies")
struct InspectCommandTests {
  @Test("a model's sizes, tokenizer and cache bytes are shown")
  func text() throws {
    let outcome = try Workshop().run(["inspect", "--model", "@/bytes"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("\ntokenizer      gpt2, 257 tokens, 1 special\n"))
    // 2 (key and value) × 2 layers × 2 key heads × 4 elements × 4 bytes
    #expect(outcome.output.contains("128 bytes per token as f32, 64 as f16"))
  }

  @Test("as JSON it names every tensor, and a missing tokenizer is null")
  func json() throws {
    let outcome = try Workshop().run(["inspect", "--model", "@/plain", "--json"])
    let page = try JSONValue.parse(outcome.output)
    guard case .object(let members) = page, case .array(let tensors)? = members["tensors"] else {
      Issue.record("the page is no object with tensors")
      return
    }
    #expect(tensors.count == 3 + 9 * TinyModel.shape.layers)
    #expect(members["tokenizer"] == .null)
    #expect(members["bytesPerToken"] == ["f32": 128, "f16": 64])
    #expect(members["vocabulary"] == .number(Double(TinyModel.plainVocabulary)))
  }

  @Test("every policy's printed configuration is one that runs")
  func defaults() throws {
    let workshop = try Workshop()
    let list = workshop.run(["policies", "--json"])
    guard case .object(let everything) = try JSONValue.parse(list.output),
      case .array(let pages)? = everything["policies"],
      case .object(let parts)? = everything["parts"]
    else {
      Issue.record("the list has no policies and parts")
      return
    }
    #expect(Set(parts.keys) == ["score", "budget", "unit", "read", "codec"])
    #expect(pages.count >= 5)
    for case .object(let page) in pages {
      guard case .string(let name)? = page["name"], let configuration = page["configuration"] else {
        Issue.record("a policy without name or configuration")
        continue
      }
      guard case .object(let declared)? = page["declares"] else {
        Issue.record("\(name) does not say what it declares")
        continue
      }
      let composed = ["composed", "snapkv", "adakv", "knorm"]
      if composed.contains(name) { #expect(declared["parts"] != .null) }
      let own = ["quest", "refreshkv", "clusterkv"].contains(name)
      #expect((declared["read"] == .string(name)) == own, "\(name)")
      #expect((declared["codec"] == .string(name)) == ["kivi", "think", "mikv"].contains(name))
      #expect(declared["revises"] == .bool(name == "retroattention"))
      let text = workshop.run(["policies", name]).output
      #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 })
      let line = try #require(
        text.components(separatedBy: "configuration with the defaults:\n").last)
      #expect(try JSONValue.parse(line) == configuration)
      try workshop.write("policy.json", line)
      let outcome = workshop.run([
        "trace", "--model", "@/plain", "--tokens", "@/tokens.json", "--prompt-length", "40",
        "--config", "@/policy.json", "--json", "-",
      ])
      let needed = try PolicyRegistry.all.neededArtifacts(of: name)
      #expect(outcome.status == (needed.isEmpty ? 0 : 1), "\(name): \(outcome.errors)")
      if let first = needed.first { #expect(outcome.errors.contains("needs '\(first.name)'")) }
    }
  }
}
