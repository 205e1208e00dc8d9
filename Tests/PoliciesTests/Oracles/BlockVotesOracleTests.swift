import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

/// A vote, or several votes joined: an integer between two bounds that rounding may reach.
private struct Vote {
  var low = 0
  var exact = 0
  var high = 0

  /// The vote for a row that receives a share of the attention: `round(255·√f)`. Near a half,
  /// single precision may round up or down.
  init(share: Double) {
    func rounded(_ share: Double) -> Int { Int((255 * min(share, 1).squareRoot()).rounded()) }
    low = rounded(share * (1 - Vote.margin))
    exact = rounded(share)
    high = rounded(share * (1 + Vote.margin))
  }

  init() {}

  /// The relative error of a share in single precision.
  private static let margin = 1e-5

  var squared: Vote {
    var vote = Vote()
    (vote.low, vote.exact, vote.high) = (low * low, exact * exact, high * high)
    return vote
  }

  /// Two votes, joined by their maximum or their sum.
  func joined(_ other: Vote, byMaximum: Bool) -> Vote {
    func join(_ a: Int, _ b: Int) -> Int { byMaximum ? max(a, b) : a + b }
    var vote = Vote()
    vote.low = join(low, other.low)
    vote.exact = join(exact, other.exact)
    vote.high = join(high, other.high)
    return vote
  }
}

/// MorphKV's block votes recomputed from stored queries, in double precision and without columns.
private struct BlockOracle {
  let numbers: Numbers
  let capacity: Int
  let window: Int
  let sinks: Int
  let voters: Int
  let usesMaximum: Bool
  let burst: Double
  /// The number of voters in a block.
  private let length: Int
  private let entries: Int
  /// The number of queries that have voted.
  private var recorded = 0
  /// By lane and position: the votes of each entry of the ring.
  private var votes: [[Int: [Vote]]]

  init(_ numbers: Numbers, _ options: BlockOptions) {
    self.numbers = numbers
    (capacity, window, sinks) = (options.capacity, options.window, options.sinks)
    (voters, usesMaximum, burst) = (options.voters, options.fusion == "max", options.burst)
    length = min(options.block, options.voters)
    entries = (options.voters + length - 1) / length
    votes = Array(repeating: [:], count: numbers.shape.lanes)
  }

  /// The last queries of a prompt vote about the rows that exist when the prompt has ended.
  mutating func endPrompt(_ tokens: Range<Int>, rows: [[Int]]) {
    let queries = tokens.suffix(voters)
    for (lane, rows) in rows.enumerated() {
      for (index, query) in queries.enumerated() {
        cast(recorded + index, query, in: lane, rows, horizon: tokens.upperBound - window)
      }
    }
    recorded += queries.count
  }

  /// A new token votes about the rows that remain after its step.
  mutating func step(_ token: Int, rows: [[Int]]) {
    for (lane, rows) in rows.enumerated() {
      cast(recorded, token, in: lane, rows, horizon: token + 1 - window)
    }
    recorded += 1
  }

  private mutating func cast(
    _ number: Int, _ query: Int, in lane: Int, _ rows: [Int], horizon: Int
  ) {
    let (layer, head) = (lane / numbers.shape.keyHeads, lane % numbers.shape.keyHeads)
    var shares = [Double](repeating: 0, count: rows.count)
    for queryHead in numbers.group(head) {
      let p = numbers.attention(layer, queryHead, query: query, over: rows)
      let distant = rows.indices.reduce(0) { $0 + (rows[$1] < horizon ? p[$1] : 0) }
      for index in rows.indices {
        let whole = rows[index] < horizon ? distant : distant + p[index]
        // A query that is earlier than all rows attends to no row.
        shares[index] = max(shares[index], whole > 0 ? p[index] / whole : 0)
      }
    }
    let entry = number / length % entries
    for (row, share) in zip(rows, shares) {
      var all = votes[lane][row] ?? Array(repeating: Vote(), count: entries)
      let vote = usesMaximum ? Vote(share: share) : Vote(share: share).squared
      all[entry] =
        number % length == 0 ? vote : all[entry].joined(vote, byMaximum: usesMaximum)
      votes[lane][row] = all
    }
  }

  /// Whether a lane may be left with `kept` of the rows `present`, where the rows at `exposed`
  /// positions compete for `capacity − window − sinks` slots.
  func agrees(
    _ kept: [Int], of present: [Int], lane: Int, exposed: Range<Int>, _ verdict: inout Verdict
  ) -> Bool {
    let candidates = present.filter { exposed.contains($0) }
    guard kept.filter({ !exposed.contains($0) }) == present.filter({ !exposed.contains($0) })
    else { return false }
    let joined = candidates.map { position in
      (votes[lane][position] ?? []).reduce(Vote()) { $0.joined($1, byMaximum: usesMaximum) }
    }
    return verdict.agrees(
      kept.filter { exposed.contains($0) }, with: capacity - window - sinks, of: candidates,
      scores: joined.map(\.exact), between: joined.map(\.low), and: joined.map(\.high))
  }
}

extension Verdict {
  /// Whether the choice agrees with integer scores, each of which lies between two bounds because
  /// of rounding.
  mutating func agrees(
    _ kept: [Int], with count: Int, of candidates: [Int], scores: [Int], between low: [Int],
    and high: [Int]
  ) -> Bool {
    compared += 1
    let ranked = candidates.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }
    if ranked.prefix(count).map({ candidates[$0] }).sorted() == kept { return true }
    guard kept.count == min(count, candidates.count) else { return false }
    tooClose += 1
    // However the scores were rounded, no dropped row scored higher than a kept row.
    let chosen = Set(kept)
    for stayed in candidates.indices where chosen.contains(candidates[stayed]) {
      for gone in candidates.indices where !chosen.contains(candidates[gone]) {
        if (-low[gone], gone) < (-high[stayed], stayed) { return false }
      }
    }
    return true
  }
}

/// One value for every setting.
struct BlockOptions: Sendable, CustomTestStringConvertible {
  var fusion = "max"
  var block = 1
  var voters = 1
  var window = 1
  var capacity = 8
  var sinks = 0
  var burst = 1.0
  var prunePrompt = "atPrefillEnd"

  var settings: [String: JSONValue] {
    func json(_ number: Int) -> JSONValue { .number(Double(number)) }
    return [
      "fusion": .string(fusion), "block": json(block), "voters": json(voters),
      "window": json(window), "capacity": json(capacity), "sinks": json(sinks),
      "burst": .number(burst), "prunePrompt": .string(prunePrompt),
    ]
  }
  var testDescription: String { JSONValue.object(settings).text }

  /// Every fusion, block length and number of voters, combined in turn with windows, sinks, bursts
  /// and prompts.
  static let all: [BlockOptions] = {
    var all: [BlockOptions] = []
    for fusion in ["max", "sum"] {
      for block in [1, 3, 8, 32] {
        for voters in [1, 4, 10, 64] {
          for prunePrompt in ["atPrefillEnd", "atFirstDecode"] {
            let turn = all.count
            let window = 1 + turn % 6
            all.append(
              BlockOptions(
                fusion: fusion, block: block, voters: voters, window: window,
                capacity: window + 3 + turn / 2 % 7, sinks: [0, 0, 2][turn % 3],
                burst: turn % 5 == 4 ? 1.4 : 1, prunePrompt: prunePrompt))
          }
        }
      }
    }
    return all
  }()
}

@Suite("MorphKV's block votes, against recomputation") struct BlockVotesOracleTests {
  @Test("keep what stored queries would keep, whatever the settings", arguments: BlockOptions.all)
  func keeps(_ options: BlockOptions) throws {
    var verdict = Verdict()
    let index = BlockOptions.all.firstIndex { $0.testDescription == options.testDescription } ?? 0
    // Prompts shorter than the window, near the capacity, and longer than both, with a second
    // prompt later.
    for (number, prompt) in [1...5, 6...13, 18...40].enumerated() {
      let trial = Trial(seed: UInt64(index * 3 + number + 5000), prompt: prompt, steps: 52)
      try compare(trial, options, second: [5, 15, 25][(index + number) % 3], &verdict)
    }
    verdict.expectMeaningful(options.testDescription)
  }

  /// Reads the trial's prompt, decodes, reads a second prompt and decodes again: as many tokens in
  /// all as the trial has.
  private func compare(
    _ trial: Trial, _ options: BlockOptions, second: Int, _ verdict: inout Verdict
  ) throws {
    let engine = try PlainEngine(
      .random(shape: trial.shape, seed: trial.seed, rotaryBase: 50),
      policy: MorphKV(options.settings))
    var oracle = BlockOracle(Numbers(trial), options)
    var before = Array(repeating: [Int](), count: trial.shape.lanes)

    /// The rows of each lane with the new tokens, before anything was forgotten.
    func present(_ tokens: Range<Int>) -> [[Int]] { before.map { $0 + tokens } }

    func check(_ rows: [[Int]], trigger: Int, recent: Int, acts: Bool) throws {
      let tokens = engine.sequence.length.tokens
      let exposed = options.sinks..<max(options.sinks, tokens - recent)
      for (lane, kept) in engine.keptNow.enumerated() {
        let place = "\(trial.testDescription), \(tokens) tokens, lane \(lane)"
        guard acts, rows[lane].count >= trigger else {
          try #require(kept == rows[lane], "\(place)")
          continue
        }
        let isRight = oracle.agrees(
          kept, of: rows[lane], lane: lane, exposed: exposed, &verdict)
        try #require(isRight, "\(place)")
      }
      before = engine.keptNow
    }

    func read(_ count: Int) throws {
      let first = engine.sequence.length.tokens
      try engine.read(count, chunk: trial.chunk)
      let rows = present(first..<first + count)
      oracle.endPrompt(first..<first + count, rows: rows)
      try check(
        rows, trigger: options.capacity + 1, recent: options.window,
        acts: options.prunePrompt == "atPrefillEnd")
    }

    func step() throws {
      let token = engine.sequence.length.tokens
      try engine.step()
      // The token of the current step has no vote yet.
      try check(
        present(token..<token + 1),
        trigger: max(
          options.capacity + 2,
          Int((Double(options.capacity + 1) * options.burst).rounded(.up))),
        recent: options.window + 1, acts: true)
      oracle.step(token, rows: before)
    }

    try read(trial.prompt)
    for _ in 0..<16 { try step() }
    try read(second)
    for _ in 0..<trial.steps - 16 - second { try step() }
  }

  @Test("of more voters than a byte counts stay whole numbers, joined by sum or by maximum")
  func manyVoters() throws {
    for fusion in ["max", "sum"] {
      var verdict = Verdict()
      let trial = Trial(seed: 77, prompt: 300...300, steps: 52)
      let options = BlockOptions(
        fusion: fusion, block: 300, voters: 300, window: 3, capacity: 20, sinks: 0)
      try compare(trial, options, second: 20, &verdict)
      verdict.expectMeaningful(fusion)
    }
  }

  @Test("of one voter and head rank rows as its floats do, but for rounding")
  func asExact() throws {
    // With one voter, one head per group and equal rows, the vote is a monotone function of the
    // float.
    var (same, all) = (0, 0)
    for seed in 1...6 as ClosedRange<UInt64> {
      let shape = CacheShape(layers: 1, keyHeads: 2, queryHeads: 2, headDimension: 4)
      let kept = try [
        ["votes": "exact", "window": 2, "capacity": 8],
        ["window": 2, "capacity": 8, "voters": 1],
      ].map { (settings: [String: JSONValue]) -> [[[Int]]] in
        let engine = try PlainEngine(
          .random(shape: shape, seed: seed), policy: MorphKV(settings))
        try engine.read(24)
        try engine.step(1)
        return engine.kept
      }
      for (one, other) in zip(kept[0].joined(), kept[1].joined()) {
        all += one.count
        same += Set(one).intersection(other).count
      }
    }
    #expect(Double(same) > 0.95 * Double(all))
  }
}
