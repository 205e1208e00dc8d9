import Foundation
import KVPolicyKit
import Policies
import ReferenceModel
import TestSupport
import Testing

@Suite("The memory of a cache")
struct ResidentMemoryTests {
  /// Policies of constant size after the prompt, with 200 rows a lane: a dozen pages, enough to
  /// show holes.
  static let policies = PolicyConfiguration.everyPolicy(rows: 200)

  private func session(_ policy: PolicyConfiguration) throws -> LlamaSession {
    try makeSession(
      LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"), threads: 1), policy)
  }

  private func decode(_ count: Int, _ sessions: LlamaSession...) throws {
    for session in sessions {
      let first = session.sequence.length.tokens
      for index in first..<first + count {
        try session.decode((index * 37 + index / 5 * 11) % session.model.configuration.vocabulary)
      }
    }
  }

  /// Whether the pages of a store take at most a tenth more than the rows of these sequences, plus
  /// a page for each lane.
  private func isTight(_ sequences: KVSequence...) -> Bool {
    guard let store = sequences.first?.store else { return false }
    let lanes = store.shape.lanes
    let rows = sequences.reduce(0) { $0 + $1.statistics.rowsLive }
    let limit =
      rows * (store.bytesPerToken / lanes) * 11 / 10 + sequences.count * lanes * store.pageBytes
    return store.pagesInUse * store.pageBytes <= limit
  }

  @Test(
    "is that of its rows, at most a tenth more and a page a lane, after every step",
    arguments: policies)
  func tight(_ policy: PolicyConfiguration) throws {
    let session = try session(policy)
    try session.prefill(Array(repeating: 7, count: 300), chunk: 128)
    for _ in 0..<1000 {
      try decode(1, session)
      try #require(isTight(session.sequence), "\(session.sequence.statistics)")
    }
  }

  @Test("stays so when it was forked, once the two have gone their ways", arguments: policies)
  func tightForks(_ policy: PolicyConfiguration) throws {
    let session = try session(policy)
    try session.prefill(Array(repeating: 7, count: 300), chunk: 128)
    try decode(50, session)
    let fork = session.fork()
    try fork.decode(3)
    // The sequences take turns, so that both drop rows of pages they share.
    for _ in 0..<600 { try decode(1, session, fork) }
    #expect(isTight(session.sequence, fork.sequence), "\(session.sequence.statistics)")
    #expect(fork.sequence.store.checkInvariants([session.sequence, fork.sequence]) == nil)
  }

  @Test("stays so when the sequence it was forked from is released", arguments: policies)
  func tightAfterRelease(_ policy: PolicyConfiguration) throws {
    var session: LlamaSession? = try session(policy)
    try session?.prefill(Array(repeating: 7, count: 300), chunk: 128)
    let fork = try #require(session?.fork())
    try decode(40, fork)
    session = nil
    try decode(100, fork)
    #expect(isTight(fork.sequence), "\(fork.sequence.statistics)")
  }

  #if os(Linux)
    @Test("is the operating system's again when rows are evicted and sequences released")
    func release() throws {
      let text = try SiblingProgram.run("ResidentProbe", ["release"])
      var process: [String: Int] = [:]
      var pages: [String: Int] = [:]
      for line in text.split(separator: "\n") {
        let words = line.split(separator: " ")
        try #require(words.count == 3, "\(text)")
        pages[String(words[0])] = Int(words[1])
        process[String(words[0])] = Int(words[2])
      }
      let start = try #require(process["start"])
      for part in ["full", "evicted", "released", "end"] {
        let cache = try #require(pages[part])
        let taken = try #require(process[part]) - start
        // In addition to the pages: the lists of row locations, and free pages that are not yet
        // worth a system call to return.
        #expect(taken >= cache && taken <= cache + 24 << 20, "\(part)\n\(text)")
      }
      #expect(try #require(pages["full"]) >= 170 << 20)
      #expect(pages["end"] == 0)
    }

    @Test("does not grow with the tokens that a policy of constant size has decoded")
    func longRun() throws {
      let text = try SiblingProgram.run(
        "ResidentProbe",
        [
          "decode", OracleCase.root + "/models/llama",
          #"{"policy": "morphkv", "window": 8, "capacity": 64}"#, "20000", "1",
        ])
      let lines = text.split(separator: "\n").dropFirst()
      try #require(lines.count == 10, "\(text)")
      // The last two words of a line are the process's bytes and their unit.
      let sizes = lines.compactMap { line in
        line.split(separator: " ").dropLast().last.flatMap { Double($0) }
      }
      try #require(sizes.count == 10, "\(text)")
      // Sizes are rounded to tenths. The first part may still fill the cache and the scratch
      // memory.
      #expect(sizes[9] - sizes[1] <= 0.2, "\(text)")
    }
  #endif
}
