import Foundation
import KVPolicyKit
import Testing

@Suite("kvpolicy calibrate")
struct CalibrateCommandTests {
  private func calibrate(_ workshop: Workshop, _ words: [String]) -> Outcome {
    workshop.run(["calibrate", "--model", "@/bytes"] + words)
  }

  private func workshop() throws -> Workshop {
    let workshop = try Workshop()
    try workshop.write("text.txt", String(repeating: "One text, and another. ", count: 9))
    return workshop
  }

  @Test("writes a file that the policy reads, and says what was measured")
  func written() throws {
    let workshop = try workshop()
    for (name, more, setting, kind) in [
      ("baklava", [], "profile", "lane-measures"),
      ("duoattention", [], "headTable", "head-profile"),
      ("duoattention", ["--measure", "mean-query"], "headTable", "head-profile"),
    ] as [(String, [String], String, String)] {
      let words = [name, "--text", "@/text.txt", "--tokens", "100"] + more
      let out = "@/\(name).safetensors"
      let outcome = calibrate(workshop, words + ["--out", out])
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("100") && outcome.output.contains(kind))
      let bytes = try workshop.data("\(name).safetensors")
      try workshop.write(
        "\(name).json", #"{"policy": "\#(name)", "\#(setting)": "\#(name).safetensors"}"#)
      let compared = workshop.run([
        "compare", "--model", "@/bytes", "--policies", "full", "--config", "@/\(name).json",
        "--text", "@/text.txt", "--prompt-tokens", "80", "--decode-tokens", "20", "--json", "-",
      ])
      #expect(compared.status == 0, "\(compared.errors)")
      #expect(compared.errors.isEmpty)
      #expect(compared.output.replacing(" ", with: "").contains(#""verified":true"#))
      // The same words write the same bytes, over the old file.
      _ = calibrate(workshop, words + ["--out", out])
      #expect(try workshop.data("\(name).safetensors") == bytes)
    }
  }

  @Test("refuses what cannot work, and leaves no file")
  func refused() throws {
    let workshop = try workshop()
    let legal = ["--text", "@/text.txt", "--out", "@/out.safetensors"]
    let cases: [(words: [String], status: Int32, message: String)] = [
      (legal, 2, "a policy is missing; name one of baklava, duoattention"),
      (["duoatention"] + legal, 2, "did you mean 'duoattention'?"),
      (["h2o"] + legal, 2, "'h2o' cannot be calibrated"),
      (["baklava", "--out", "@/out.safetensors"], 2, "--text is missing"),
      (["baklava", "--text", "@/text.txt"], 2, "--out is missing"),
      (["baklava", "--text", "@/text.txt", "--out", "-"], 2, "--out cannot be '-'"),
      (["baklava", "--text", "@/text.txt", "--out", "@/out.tsv"], 2, "ends in .safetensors"),
      (["baklava", "--tokens", "0"] + legal, 2, "--tokens cannot be '0'"),
      (["baklava", "--tokens", "4097"] + legal, 2, "--tokens cannot be '4097'"),
      (["baklava", "--tokens", "161"] + legal, 1, "161 tokens is not possible"),
      (["duoattention", "--tokens", "68"] + legal, 1, "reads 69 to 160"),
      (["duoattention", "--measure", "mean"] + legal, 2, "one of ablation, mean-query"),
      (["baklava", "--measure", "ablation"] + legal, 2, "--measure has no effect for baklava"),
      (
        ["baklava", "--text", "@/none.txt", "--out", "@/out.safetensors"], 1, "cannot read"
      ),
      (
        ["baklava", "--tokens", "99", "--text", "@/tova.json", "--out", "@/out.safetensors"], 1,
        "the text has 33 tokens, and 99 are needed"
      ),
    ]
    for (words, status, message) in cases {
      let outcome = workshop.run(["calibrate", "--model", "@/bytes"] + words)
      #expect(outcome.status == status && outcome.errors.contains(message), "\(outcome.errors)")
    }
    #expect(!workshop.names.contains { $0.hasPrefix("out") })
    try FileManager.default.copyItem(
      atPath: workshop.folder + "/text.txt", toPath: workshop.folder + "/text.safetensors")
    let same = calibrate(
      workshop, ["baklava", "--text", "@/text.safetensors", "--out", "@/text.safetensors"])
    #expect(same.status == 2 && same.errors.contains("is an input of this command"))
  }
}
