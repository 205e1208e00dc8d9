import Foundation
import KVPolicyKit
import Testing

@Suite("Artifacts on the command line")
struct ArtifactCommandTests {
  private func workshop() throws -> Workshop {
    let workshop = try Workshop()
    try FileManager.default.createDirectory(
      atPath: workshop.folder + "/profiles", withIntermediateDirectories: true)
    try workshop.write("profiles/heads.tsv", "0.9\t0.1\n0.2\t0.8\n")
    try workshop.write(
      "profiles/duo.json",
      """
      {"policy": "duoattention", "headTable": "heads.tsv", "sinks": 1, "recent": 4,
       "layers": {"1": {"sinks": 2}}}
      """)
    return workshop
  }

  private func trace(
    _ workshop: Workshop, _ config: String, json: String = "@/out.json", input: String = ""
  ) -> Outcome {
    workshop.run(
      [
        "trace", "--model", "@/plain", "--tokens", "@/tokens.json", "--prompt-length", "20",
        "--config", config, "--json", json,
      ], input: Array(input.utf8))
  }

  @Test("are found beside the file that names them, and reports show their digest")
  func found() throws {
    let workshop = try workshop()
    let outcome = trace(workshop, "@/profiles/duo.json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    // Two layers name the file, and it is said once that it names no model.
    #expect(outcome.errors.split(separator: "\n").count { $0.contains("does not name") } == 1)
    struct File: Decodable { let kept: [String: [[[Int]]]] }
    let report = try workshop.read("out.json")
    let kept = try JSONDecoder().decode(File.self, from: Data(report.utf8)).kept
    #expect(kept["28"]?[0][1] == [0, 44, 45, 46, 47])
    #expect(kept["28"]?[1][0] == [0, 1, 44, 45, 46, 47])
    #expect(kept["28"]?[0][0].count == 48)
    #expect(report.contains(#""sha256":"#) && report.contains(#""verified":false"#))
    #expect(report.contains("\(workshop.folder)/profiles/heads.tsv"))
  }

  @Test("named on standard input are found in the working folder")
  func standardInput() throws {
    let workshop = try workshop()
    let text = #"{"policy": "duoattention", "headTable": "profiles/heads.tsv"}"#
    #expect(trace(workshop, "-", input: text).status == 0)
    let elsewhere = trace(workshop, "-", input: text.replacing("profiles/", with: ""))
    #expect(elsewhere.status == 1 && elsewhere.errors.contains("heads.tsv"))
  }

  @Test("that do not fit end the run before it starts, and no file is left")
  func refused() throws {
    let workshop = try workshop()
    try workshop.write("profiles/heads.tsv", "0.9\t0.1\t0.3\n0.2\t0.8\t0.4\n")
    let wide = trace(workshop, "@/profiles/duo.json")
    #expect(wide.status == 1 && wide.errors.contains("this model needs 2 × 2"))
    try workshop.write("profiles/heads.tsv", "0.9\t0.1\n0.2\tnan\n")
    let nan = trace(workshop, "@/profiles/duo.json")
    #expect(nan.status == 1 && nan.errors.contains("not finite"))
    try FileManager.default.removeItem(atPath: workshop.folder + "/profiles/heads.tsv")
    let missing = trace(workshop, "@/profiles/duo.json")
    #expect(missing.status == 1 && missing.errors.contains("'headTable': cannot read"))
    let unnamed = workshop.run(["compare", "--model", "@/bytes", "--policies", "duoattention"])
    #expect(unnamed.status == 1 && unnamed.errors.contains("duoattention needs 'headTable'"))
    #expect(!workshop.names.contains("out.json"))
  }

  @Test("are not replaced by an output")
  func protected() throws {
    let workshop = try workshop()
    let outcome = trace(workshop, "@/profiles/duo.json", json: "@/profiles/heads.tsv")
    #expect(outcome.status == 2 && outcome.errors.contains("is an input of this command"))
    #expect(try workshop.read("profiles/heads.tsv").hasPrefix("0.9"))
  }

  @Test("are listed by kind")
  func listed() throws {
    let workshop = try Workshop()
    let list = workshop.run(["policies", "--json"]).output
    guard case .object(let all) = try JSONValue.parse(list) else { return }
    guard case .array(let kinds)? = all["artifacts"] else { return }
    for kind: JSONValue in ["head-profile", "lane-measures", "probe", "scorer"] {
      #expect(kinds.contains(kind))
    }
    #expect(workshop.run(["policies"]).output.contains("(needs headTable)"))
    #expect(
      workshop.run(["policies", "baklava", "--json"]).output.contains(
        #""artifact":"lane-measures""#))
  }
}
