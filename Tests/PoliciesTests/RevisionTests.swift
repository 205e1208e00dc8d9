import KVPolicyKit
import KVPolicyTesting
import Policies
import TestSupport
import Testing

@Suite("A policy that corrects past tokens")
struct RevisionTests {
  private let shape = PolicyTrial().shape

  private func engine(_ settings: [String: JSONValue]) throws -> PlainEngine {
    let engine = try PlainEngine(
      .random(shape: shape, seed: 3, rotaryBase: 100),
      policy: PolicyRegistry.all.make("retroattention", settings, shape: shape))
    try engine.read(40)
    try engine.step(12)
    return engine
  }

  @Test("writes keys and values over those of past tokens, in layers that read more")
  func overwrites() throws {
    let settings: [String: JSONValue] = ["page": 4, "pages": 2]
    let one = try engine(settings.merging(["window": 1]) { $1 })
    let three = try engine(settings.merging(["window": 3]) { $1 })
    for head in 0..<shape.keyHeads {
      #expect(
        one.sequence.storedRows(layer: 0, head: head)
          == three.sequence.storedRows(layer: 0, head: head))
      let (a, b) = (
        one.sequence.storedRows(layer: 1, head: head),
        three.sequence.storedRows(layer: 1, head: head)
      )
      let changed = a.indices.filter { a[$0] != b[$0] }
      // Of the twelve decoded tokens all but the last can have been corrected, and no other.
      #expect(!changed.isEmpty && changed.allSatisfy { (40..<51).contains(a[$0].position) })
    }
    #expect(one.kept == three.kept)
    #expect(
      three.sequence.statistics.policyStateBytes > one.sequence.statistics.policyStateBytes)
    #expect(three.sequence.checkInvariants() == nil)
  }

  static let refused: [(String, String)] = [
    (#"{"policy": "retroattention", "window": 0}"#, "'window' cannot be 0"),
    (#"{"policy": "retroattention", "page": 0}"#, "'page' cannot be 0"),
    (#"{"policy": "retroattention", "pages": 0}"#, "'pages' cannot be 0"),
    (#"{"policy": "retroattention", "pastQuery": "old"}"#, "'pastQuery' cannot be"),
    (#"{"policy": "retroattention", "read": "quest"}"#, "'read'"),
    (
      #"{"policy": "retroattention", "layers": {"0": {"policy": "full"}}}"#,
      "it corrects tokens in every layer, and other policies have some of them"
    ),
    (
      #"{"policy": "h2o", "layers": {"0": {"policy": "retroattention"}}}"#,
      "it corrects tokens in every layer, and other policies have some of them"
    ),
    (#"{"policy": "retroattention", "codec": "kivi"}"#, "kivi may have stored as codes"),
    (#"{"policy": "retroattention", "keys": "think"}"#, "think may have stored as codes"),
  ]

  @Test("is refused where it cannot work, with the reason", arguments: refused)
  func refusals(_ text: String, _ reason: String) throws {
    let error = #expect(throws: PolicyError.self) {
      try PolicyConfiguration(parsing: text).makePolicies(.all, shape: shape)
    }
    #expect("\(try #require(error))".contains(reason), "\(error.map { "\($0)" } ?? "")")
  }
}
