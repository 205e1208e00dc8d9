import Foundation
import KVPolicyCommand
import KVPolicyKit
import ReferenceModel
import Testing

@Suite("kvpolicy on models with oddities")
struct OddModelTests {
  @Test("a row of the embedding without a token prints nothing, and the text goes on")
  func surplusRows() throws {
    let workshop = try Workshop()
    // Nearly all rows have no token, so nearly every token that is chosen has none.
    try TinyModel.write(at: workshop.folder + "/padded", hasTokenizer: true, surplus: 4096)
    for temperature in ["0", "2", "1000"] {
      let outcome = workshop.run([
        "generate", "--model", "@/padded", "--prompt", "Once", "--max-tokens", "40",
        "--temperature", temperature,
      ])
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("39 steps"), "\(outcome.errors)")
      #expect(outcome.output.count < 20)
    }
  }

  @Test("fewer rows than tokens are an error that names the token and the rows")
  func fewerRows() throws {
    let workshop = try Workshop()
    try TinyModel.write(at: workshop.folder + "/short", hasTokenizer: true, surplus: -100)
    let outcome = workshop.run(["generate", "--model", "@/short", "--prompt", "é"])
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(outcome.errors.contains("is not in the vocabulary; tokens are 0 to 156"))
  }

  /// Writes a GGUF file named `odd.gguf` into a new workshop.
  private func workshop(
    rule: String?, trailing: Int = 0
  ) throws -> Workshop {
    let workshop = try Workshop()
    let metadata = rule.map { [(key: "tokenizer.ggml.pre", value: GGUFValue.string($0))] } ?? []
    let bytes = TinyModel.gguf(metadata) + [UInt8](repeating: 0, count: trailing)
    try Data(bytes).write(to: URL(fileURLWithPath: workshop.folder + "/odd.gguf"))
    return workshop
  }

  @Test("every command warns once of a file that does not name its pre-tokenizer")
  func unnamedRule() throws {
    let workshop = try workshop(rule: nil)
    let commands = [
      ["inspect"], ["inspect", "--json"], ["tokenize"],
      ["generate", "--prompt", "a", "--max-tokens", "1", "--quiet"],
      ["compare", "--prompt-tokens", "8", "--decode-tokens", "8", "--policies", "full"],
    ]
    for words in commands {
      let outcome = workshop.run(words + ["--model", "@/odd.gguf"])
      #expect(outcome.status == 0, "\(words): \(outcome.errors)")
      let warnings = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("kvpolicy: ") }
      #expect(warnings.count == 1 && warnings[0].contains("odd.gguf: the file does not name"))
    }
    let page = workshop.run(["inspect", "--model", "@/odd.gguf"]).output
    #expect(page.contains("gpt2 (not named by the file), 257 tokens"))
    let named = try self.workshop(rule: "gpt-2").run(["inspect", "--model", "@/odd.gguf"])
    #expect(named.errors.isEmpty && !named.output.contains("not named"), "\(named.errors)")
  }

  @Test("inspect notes trailing bytes, and no command warns of them")
  func trailing() throws {
    let workshop = try workshop(rule: "gpt-2", trailing: 64)
    let outcome = workshop.run(["inspect", "--model", "@/odd.gguf"])
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    let note = "64 bytes follow the last tensor and are not read"
    #expect(outcome.output.contains("\nnote           \(note)\n"))
    let json = workshop.run(["inspect", "--model", "@/odd.gguf", "--json"])
    guard case .object(let members) = try JSONValue.parse(json.output) else {
      Issue.record("the page is no object")
      return
    }
    #expect(members["notes"] == .array([.string(note)]) && members["warnings"] == .array([]))
  }
}
