import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

/// A text in which one token draws most of the attention.
private let hitter: @Sendable (Int, Int) -> Double = { _, key in key == 4 ? 1 : 0.1 }

@Suite("In pictures") struct PolicyPictureTests {
  @Test("the full cache keeps everything")
  func full() throws {
    #expect(try picture(of: FullCache([:]), prompt: 8, steps: 4) == "############")
  }

  @Test("StreamingLLM keeps the first and the last")
  func streaming() throws {
    let policy = try StreamingLLM(["sinks": 2, "recent": 3])
    #expect(try picture(of: policy, prompt: 12) == "##.......###")
    #expect(try picture(of: policy, prompt: 8, steps: 4) == "##.......###")
  }

  @Test("H2O keeps the heavy hitter")
  func heavyHitter() throws {
    let policy = try H2O(["heavy": 1, "recent": 3, "score": "average"])
    #expect(try picture(of: policy, prompt: 12, attention: hitter) == "....#....###")
    #expect(try picture(of: policy, prompt: 8, steps: 4, attention: hitter) == "....#....###")
  }

  @Test("H2O's plain sum favours early tokens; the average does not")
  func earlyBias() throws {
    #expect(try picture(of: H2O(["heavy": 3, "recent": 2]), prompt: 10) == "###.....##")
  }

  @Test("SnapKV keeps the neighbours of what the window looks at, too")
  func snap() throws {
    let policy = try SnapKV(["capacity": 6, "window": 3, "kernel": 3])
    #expect(try picture(of: policy, prompt: 12, attention: hitter) == "...###...###")
    #expect(try picture(of: policy, prompt: 12, steps: 3, attention: hitter) == "...###...######")
  }

  @Test(
    "MorphKV keeps what the recent tokens look at now, and lets it go when they look away",
    arguments: [["votes": "exact"], ["voters": 2, "block": 1]] as [[String: JSONValue]])
  func morph(_ votes: [String: JSONValue]) throws {
    var settings = votes
    settings.merge(["capacity": 4, "window": 3, "prunePrompt": "atFirstDecode"]) { $1 }
    let policy = try MorphKV(settings)
    let turning: @Sendable (Int, Int) -> Double = { query, key in
      key == (query < 12 ? 4 : 7) ? 1 : 0.1
    }
    #expect(try picture(of: policy, prompt: 8, steps: 4, attention: turning) == "....#...####")
    // Token 7 was dropped before any query attended to it, and a dropped row cannot come back.
    #expect(try picture(of: policy, prompt: 8, steps: 8, attention: turning) == "....#.......####")
    #expect(
      try picture(of: policy, prompt: 12, steps: 3, attention: { _, key in key == 7 ? 1 : 0.1 })
        == ".......#...####")
  }

  @Test("MorphKV's voters may be more than its window: what one of them looked at stays")
  func morphVoters() throws {
    // The query of token 6 attends to token 1. All other queries attend to all tokens equally, so
    // the earliest tokens win.
    let once: @Sendable (Int, Int) -> Double = { query, key in query == 6 && key != 1 ? 0.01 : 1 }
    func kept(_ voters: JSONValue) throws -> String {
      let policy = try MorphKV(["capacity": 4, "window": 3, "voters": voters, "block": 2])
      return try picture(of: policy, prompt: 12, attention: once)
    }
    #expect(try kept(6) == ".#.......###")
    #expect(try kept(5) == "#........###")
  }

  @Test("Quest holds everything, and reads the newest page and the page that matches")
  func quest() throws {
    let settings: [String: JSONValue] = ["budget": 8, "pageSize": 4, "denseLayers": 0]
    let quest = try PolicyRegistry.all.make("quest", settings)
    // The bounds of these keys say nothing, so that the earliest page is as good as any.
    #expect(try picture(of: quest, prompt: 16, steps: 2) == "####oooooooooooo##")
    #expect(try picture(of: quest, prompt: 16) == "################", "a prompt reads everything")
    let reader = try PolicyConfiguration(
      "full", ["read": .object(settings.merging(["kind": "quest"]) { $1 })]
    )
    .makePolicies(.all, shape: CacheShape(layers: 1, keyHeads: 1, queryHeads: 1, headDimension: 2))
    .readers[0]
    let streaming = try StreamingLLM(["sinks": 2, "recent": 10, "positions": "original"])
    #expect(
      try picture(of: streaming, reader: reader, prompt: 16, steps: 2) == "##......oooooooo##")
  }

  @Test("TOVA keeps what the newest token looks at")
  func tova() throws {
    let policy = try TOVA(["capacity": 3])
    let attention: @Sendable (Int, Int) -> Double = { _, key in Double(1 + key * 5 % 7) }
    // Scores of 0…9: 1 6 4 2 7 5 3 1 6 4.
    #expect(try picture(of: policy, prompt: 10, attention: attention) == ".#..#...#.")
  }
}
