import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

/// Logits that are easy or hard to tell apart.
enum LogitKind: String, CaseIterable, Sendable {
  /// As in a model: a sink, some locality, noise.
  case usual
  /// Rows differ by a few units in the last place.
  case close
  /// All equal: every score is a tie.
  case equal
  /// Three values: many ties.
  case coarse
  /// Up to ±300: exponentials underflow, and are clamped.
  case huge
  /// Nearly all on a few tokens near the query, which cross the horizon with all the weight.
  case local
  /// A third of the rows were not seen.
  case unseen
  /// Some queries saw nothing at all.
  case blind
  /// Changes from one to another every 40 tokens.
  case changing

  func logit(_ seed: UInt64, _ layer: Int, _ head: Int, _ query: Int, _ key: Int) -> Float {
    let bits = SplitMix64.bits(seed: seed, at: [layer, head, query, key])
    let unit = Float(bits >> 40) / Float(1 << 24)
    let token = Float(SplitMix64.bits(seed: seed, at: [layer, head, key]) >> 40) / Float(1 << 24)
    switch self {
    case .usual:
      return 2 * unit + 4 * token + (key == 0 ? 6 : 0) + 3 / Float(1 + query - key)
    case .close: return 1 + unit * 4e-7
    case .equal: return 0.5
    case .coarse: return Float(bits % 3)
    case .huge: return 600 * (unit - 0.5) + 200 * token
    case .local: return query - key < 12 ? 20 * unit + Float(bits % 11) : unit
    case .unseen: return bits % 3 == 0 ? -.infinity : 3 * token + unit
    case .blind: return SplitMix64.mix(UInt64(query)) % 4 == 0 ? -.infinity : 5 * token
    case .changing:
      let kinds = LogitKind.allCases.dropLast()
      let kind = kinds[(query / 40) % kinds.count]
      return kind.logit(seed, layer, head, query, key)
    }
  }
}

/// A run under running counts and one under plain counts, side by side.
private struct Pair {
  var running: PlainEngine
  var plain: PlainEngine

  init(_ kind: LogitKind, seed: UInt64, group: Int, settings: [String: JSONValue]) throws {
    let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 2 * group, headDimension: 2)
    var plainly = try MorphKV(settings)
    plainly.countsPlainly = true
    let source = Pair.source(kind, seed: seed, shape: shape)
    let store = StoreConfiguration(pageRows: 4, format: .f32)
    running = try PlainEngine(source, policy: MorphKV(settings), store: store)
    plain = try PlainEngine(source, policy: plainly, store: store)
    running.remembers = false
    plain.remembers = false
  }

  private init(_ running: PlainEngine, _ plain: PlainEngine) {
    (self.running, self.plain) = (running, plain)
  }

  static func source(_ kind: LogitKind, seed: UInt64, shape: CacheShape) -> SyntheticAttention {
    var source = SyntheticAttention(
      shape: shape, query: { _, _, _ in [1, 0] }, key: { _, _, _ in [1, 0] },
      value: { _, _, _ in [1, 0] })
    source.logit = { kind.logit(seed, $0, $1, $2, $3) }
    return source
  }

  func fork(_ kind: LogitKind, seed: UInt64) -> Pair {
    let source = Pair.source(kind, seed: seed, shape: running.source.shape)
    return Pair(running.fork(reading: source), plain.fork(reading: source))
  }

  func read(_ count: Int) throws {
    try running.read(count, chunk: 13)
    try plain.read(count, chunk: 13)
    try agree()
  }

  /// Rows are numbered alike in both, so a plan fits both.
  func forget(row: Int) throws {
    var plan = CachePlan()
    plan.drop(row, of: LaneID(layer: 1, head: 0))
    try running.sequence.apply(plan)
    try plain.sequence.apply(plan)
  }

  func step(_ count: Int) throws {
    for _ in 0..<count {
      try running.step()
      try plain.step()
      try agree()
    }
  }

  private func agree() throws {
    try #require(running.keptNow == plain.keptNow, "at \(running.sequence.length.tokens) tokens")
    try #require(running.sequence.checkInvariants() == nil)
  }

  /// How often running counts were asked, and could not tell.
  var counts: (asked: Int, untold: Int) {
    let policy = running.sequence.policy(ofLayer: 0) as? MorphKV
    return (policy?.running?.asked ?? 0, policy?.running?.untold ?? 0)
  }
}

@Suite("MorphKV, its running counts against plain ones") struct MorphKVRunningTests {
  /// Window and capacity.
  static let sizes = [(2, 3), (2, 9), (3, 20), (5, 6), (8, 40), (32, 90)]

  @Test(
    "keeps the same rows, whatever the logits", arguments: LogitKind.allCases, ["sum", "max"])
  func keepsTheSame(_ kind: LogitKind, fusion: String) throws {
    for (index, (window, capacity)) in Self.sizes.enumerated() {
      for group in fusion == "sum" ? [1, 3] : [3, 4] {
        let pair = try Pair(
          kind, seed: UInt64(index * 10 + group), group: group,
          settings: [
            "window": .number(Double(window)), "capacity": .number(Double(capacity)),
            "fusion": .string(fusion), "rows": .string(index % 2 == 0 ? "W-1" : "W"),
            "prunePrompt": .string(index % 3 == 0 ? "atPrefillEnd" : "atFirstDecode"),
          ])
        try pair.read([1, 3, 30, 60, 120][(index + group) % 5])
        try pair.step(80)
        let fork = pair.fork(.usual, seed: 77)
        try fork.step(40)
        try pair.step(20)
        try pair.forget(row: 1)
        try pair.step(30)
        // A second turn, shorter than the window or longer.
        try pair.read(group == 3 ? 50 : 2)
        try pair.step(60)
        try fork.step(20)
      }
    }
  }

  @Test("keeps the same rows for thousands of steps", arguments: ["sum", "max"])
  func longRuns(_ fusion: String) throws {
    for (number, kind) in [LogitKind.local, .changing].enumerated() {
      let pair = try Pair(
        kind, seed: UInt64(500 + number), group: 3,
        settings: ["window": 16, "capacity": 100, "fusion": .string(fusion)])
      try pair.read(40)
      try pair.step(1200)
    }
  }

  @Test("tells which row it is without counting plainly, nearly always", arguments: ["sum", "max"])
  func tells(_ fusion: String) throws {
    let pair = try Pair(
      .usual, seed: 9, group: 3,
      settings: ["window": 16, "capacity": 200, "fusion": .string(fusion)])
    try pair.read(100)
    try pair.step(700)
    let counts = pair.counts
    #expect(counts.asked > 4 * 590)
    #expect(counts.untold * 100 < counts.asked, "\(counts)")
  }
}
