import KVPolicyKit
import KVPolicyTesting
import TestSupport
import Testing

private let first = LaneID(layer: 0, head: 0)
private let second = LaneID(layer: 0, head: 1)

private func planned(_ body: (inout CachePlan) -> Void) -> CachePlan {
  var plan = CachePlan()
  body(&plan)
  return plan
}

/// A plan that must be refused for ten rows per lane, with the reason.
struct BadPlan: Sendable, CustomTestStringConvertible {
  let plan: CachePlan
  let reason: String
  var testDescription: String { reason }

  /// Plans that must be refused for a policy that decides before the output, in a step that makes
  /// ten rows.
  static let ofPolicies = [
    BadPlan(
      plan: planned {
        $0.attend([1], head: 0, of: first)
        $0.attend([2], head: 0, of: first)
      }, reason: "edited twice"),
    BadPlan(plan: planned { $0.attend([], head: 0, of: first) }, reason: "at least one row"),
    BadPlan(plan: planned { $0.attend([1], head: 2, of: first) }, reason: "a head of the group"),
    BadPlan(plan: planned { $0.attend([1], head: -1, of: first) }, reason: "a head of the group"),
    BadPlan(plan: planned { $0.attend([10], head: 1, of: first) }, reason: "names row 10 of 10"),
    BadPlan(plan: planned { $0.attend([4, 4], head: 1, of: first) }, reason: "names row 4 twice"),
  ]

  static let all = [
    BadPlan(plan: planned { $0.drop([3, 10], of: first) }, reason: "names row 10 of 10"),
    BadPlan(plan: planned { $0.drop([-1], of: first) }, reason: "names row -1 of 10"),
    BadPlan(plan: planned { $0.drop([3, 3], of: first) }, reason: "names row 3 twice"),
    BadPlan(plan: planned { $0.keep([3, 3], of: first) }, reason: "names row 3 twice"),
    BadPlan(plan: planned { $0.keep([0, 99], of: first) }, reason: "names row 99 of 10"),
    BadPlan(plan: planned { $0.drop(10, of: first) }, reason: "names row 10 of 10"),
    BadPlan(plan: planned { $0.drop(-1, of: first) }, reason: "names row -1 of 10"),
    BadPlan(plan: planned { $0.drop(0..<10, of: first) }, reason: "drops every row"),
    BadPlan(plan: planned { $0.keep([], of: first) }, reason: "keeps no row"),
    BadPlan(
      plan: planned { $0.drop(0, of: LaneID(layer: 2, head: 0)) }, reason: "was not asked about"),
    BadPlan(
      plan: planned { $0.drop(0, of: LaneID(layer: 0, head: 2)) }, reason: "was not asked about"),
    BadPlan(
      plan: planned { $0.drop(0, of: LaneID(layer: -1, head: 0)) }, reason: "was not asked about"),
    BadPlan(
      plan: planned {
        $0.drop([1, 2], of: first)
        $0.keep([1, 2], of: first)
      }, reason: "edited twice"),
    BadPlan(
      plan: planned {
        $0.drop(9, of: first)
        $0.drop(9, of: first)
      }, reason: "edited twice"),
    BadPlan(
      plan: planned {
        $0.drop(9, of: first)
        $0.drop([9, 8], of: first)
      }, reason: "edited twice"),
    BadPlan(
      plan: planned {
        $0.keep([9], of: second)
        $0.drop(9, of: second)
      }, reason: "edited twice"),
    BadPlan(
      plan: planned {
        $0.drop(1, of: first)
        $0.drop(1, of: second)
        $0.drop(1, of: LaneID(layer: 1, head: 0))
        $0.drop(1, of: first)
      }, reason: "edited twice"),
    BadPlan(
      plan: planned { $0.attend([1], head: 0, of: first) }, reason: "needs phase beforeOutput"),
    BadPlan(plan: planned { $0.place(Array(0..<10), of: first) }, reason: "position rule placed"),
  ]
}

@Suite("A plan") struct PlanTests {
  @Test(
    "that contradicts the cache is refused with its reason, and changes nothing",
    arguments: BadPlan.all)
  func refused(_ bad: BadPlan) throws {
    let engine = try paintedEngine(.small)
    try engine.read(10)
    let (rows, statistics) = (engine.rows, engine.sequence.statistics)
    do throws(StoreError) {
      try engine.sequence.apply(bad.plan)
      Issue.record("it was carried out")
    } catch {
      #expect(error.description.contains(bad.reason), "\(error)")
    }
    #expect(engine.rows == rows)
    #expect(engine.sequence.statistics == statistics)
    #expect(engine.sequence.checkInvariants() == nil)
  }

  @Test(
    "that lets a query head read what it cannot, or says it twice, is refused",
    arguments: BadPlan.ofPolicies)
  func refusedOfPolicy(_ bad: BadPlan) throws {
    var policy = Scripted { cache, plan in
      if case .step = cache.moment, cache.layers == [0] { plan = bad.plan }
    }
    policy.phase = .beforeOutput
    let engine = try PlainEngine(.random(shape: .small, seed: 1), policy: policy)
    try engine.read(9)
    do throws(StoreError) {
      try engine.step()
      Issue.record("it was carried out")
    } catch { #expect(error.description.contains(bad.reason), "\(error)") }
  }

  @Test("may restrict each query head of a lane once")
  func attendEach() throws {
    var policy = Scripted { cache, plan in
      guard case .step = cache.moment else { return }
      for head in 0..<cache.shape.group {
        plan.attend([1 + head], head: head, of: LaneID(layer: cache.layers[0], head: 1))
      }
    }
    policy.phase = .beforeOutput
    let engine = try PlainEngine(.random(shape: .small, seed: 1), policy: policy)
    try engine.read(9)
    try engine.step(2)
    #expect(engine.plans.count == 4)
  }

  @Test("that places a lane twice is refused")
  func placedTwice() throws {
    let engine = try paintedEngine(.small, rule: .placed)
    try engine.read(10)
    let rows = engine.rows
    let bad = planned {
      $0.place(0..<10, of: first)
      $0.place(0..<10, of: second)
      $0.place((0..<10).reversed(), of: first)
    }
    #expect {
      try engine.sequence.apply(bad)
    } throws: {
      "\($0)".contains("edited twice")
    }
    #expect(engine.rows == rows)
  }

  @Test("is carried out whole or not at all: one bad edit spoils the others")
  func wholeOrNothing() throws {
    let engine = try paintedEngine(.small)
    try engine.read(10)
    let rows = engine.rows
    #expect(throws: StoreError.self) {
      try engine.sequence.apply(
        planned {
          $0.keep([1, 2], of: first)
          $0.drop([10], of: second)
        })
    }
    #expect(engine.rows == rows)
  }

  @Test("with random rows is either refused or carried out, and never breaks the store")
  func random() throws {
    var numbers = SplitMix64(seed: 4)
    let engine = try paintedEngine(.small, rule: .placed)
    var refused = 0
    for _ in 0..<400 {
      try engine.step()
      var plan = CachePlan()
      for _ in 0..<Int.random(in: 1...3, using: &numbers) {
        let lane = LaneID(
          layer: Int.random(in: 0...32, using: &numbers) / 16,
          head: Int.random(in: 0...32, using: &numbers) / 16)
        let rows = (0..<Int.random(in: 0...3, using: &numbers)).map { _ in
          Int.random(in: -1...12, using: &numbers)
        }
        switch Int.random(in: 0..<5, using: &numbers) {
        case 0: plan.drop(rows, of: lane)
        case 1: plan.keep(Set(rows), of: lane)
        case 2: plan.place(rows, of: lane)
        default: plan.drop(rows.first ?? 0, of: lane)
        }
      }
      let (before, length) = (engine.rows, engine.sequence.length)
      do throws(StoreError) {
        try engine.sequence.apply(plan)
      } catch {
        refused += 1
        #expect(engine.rows == before)
      }
      #expect(engine.sequence.length == length)
      #expect(engine.sequence.checkInvariants() == nil, "\(plan)")
    }
    #expect(refused > 50 && refused < 350)
  }

  @Test("that drops and places at once counts rows as they were when it was made")
  func dropAndPlace() throws {
    let engine = try paintedEngine(rule: .placed)
    try engine.read(10)
    try engine.edit {
      $0.drop([2, 7, 9], of: $1)
      $0.place((0..<10).map { $0 * 7 % 10 }, of: $1)
    }
    #expect(engine.sequence.checkInvariants() == nil)
    let places = engine.rows[0].map { [$0.position, $0.place ?? -1] }.sorted { $0[0] < $1[0] }
    #expect(places == [0, 1, 3, 4, 5, 6, 8].map { [$0, $0 * 7 % 10] })
    // Row 7 had the furthest place, 9, and is gone; the next furthest place is 8, of row 4.
    try engine.step()
    #expect(engine.rows[0].last?.place == 9)
  }

  @Test("that places a row where no token was read yet is refused; the next row is within the text")
  func placesBeyond() throws {
    let engine = try paintedEngine(rule: .placed)
    try engine.read(10)
    for beyond in [10, 11, 1 << 20, Int(Int32.max), .max, -1, .min] {
      let before = engine.rows
      #expect(throws: StoreError.self) {
        try engine.edit { $0.place([beyond] + Array(1..<10), of: $1) }
      }
      #expect(engine.rows == before)
    }
    // Wherever rows are placed, a new row comes one after the furthest place: at most at its own
    // position.
    var numbers = SplitMix64(seed: 2)
    for _ in 0..<40 {
      let (rows, tokens) = (
        engine.sequence.rowCount(layer: 0, head: 0), engine.sequence.length.tokens
      )
      let places = (0..<rows).map { _ in Int.random(in: 0..<tokens, using: &numbers) }
      let some = (0..<rows).shuffled(using: &numbers).prefix(Bool.random(using: &numbers) ? 1 : 4)
      try engine.edit {
        $0.place(places, of: $1)
        $0.drop(some, of: $1)
      }
      let furthest = engine.rows[0].compactMap(\.place).max() ?? -1
      let count = Int.random(in: 3...6, using: &numbers)
      try engine.read(count)
      let new = engine.rows[0].filter { $0.position >= tokens }.sorted { $0.position < $1.position }
      #expect(new.map { $0.place ?? -1 } == (1...count).map { furthest + $0 })
      #expect(new.allSatisfy { ($0.place ?? .max) <= $0.position })
    }
  }

  @Test("a long prompt is placed row after row, in time that grows as its length does")
  func placingIsLinear() throws {
    func time(_ tokens: Int) throws -> Duration {
      let engine = try PlainEngine(
        .random(shape: .single, seed: 1), policy: Painter(rule: .placed),
        store: StoreConfiguration(pageRows: 64, format: .f32))
      let sequence = engine.sequence
      let floats = [Float](repeating: 1, count: tokens * 2)
      let (_, duration) = try measuringProcessorTime {
        // The buffer has tokens × 1 key head × 2 floats, as the call requires.
        try unsafe sequence.append(layer: 0, tokens: tokens, keys: floats, values: floats)
      }
      try sequence.finish(moment: .chunk(tokens: 0..<tokens, isLast: true))
      #expect(engine.rows[0].map { $0.place ?? -1 } == Array(0..<tokens))
      return duration
    }
    // Eight times the rows: quadratic time would take 64 times as long.
    let short = try #require(try (0..<5).map { _ in try time(4096) }.min())
    let long = try #require(try (0..<5).map { _ in try time(32768) }.min())
    #expect(long / short < 24)
  }

  @Test("is equal to one with the same edits, written by rows or one by one, and hashes alike")
  func equality() {
    let one = planned {
      $0.drop([3, 1], of: first)
      $0.keep([2], of: second)
      $0.attend([0, 4], head: 1, of: first)
      $0.place([5, 6, 7], of: first)
    }
    var other = planned { $0.drop(99, of: second) }
    other.removeAll()
    #expect(other == CachePlan() && other.isEmpty && other.edits.isEmpty)
    other.drop(Set([3]).union([]).map { $0 } + [1], of: first)
    other.keep(CollectionOfOne(2), of: second)
    other.attend(stride(from: 0, through: 4, by: 4), head: 1, of: first)
    other.place(5...7, of: first)
    #expect(one == other && one.hashValue == other.hashValue)
    #expect(one.edits.map(\.lane) == [first, second, first, first])
    let lists = one.edits.map { edit -> [Int32] in
      switch edit {
      case .drop(_, let list), .keep(_, let list), .attend(_, _, let list), .place(_, let list):
        let rows = one.rows(list)
        #expect(rows.count == list.count && list.isEmpty == rows.isEmpty)
        return [Int32](rows)
      }
    }
    #expect(lists == [[3, 1], [2], [0, 4], [5, 6, 7]])
    for different in [
      planned { $0.drop([1, 3], of: first) }, planned { $0.drop([3, 1], of: second) },
      planned { $0.keep([3, 1], of: first) }, planned { $0.place([3, 1], of: first) },
    ] {
      #expect(different != planned { $0.drop([3, 1], of: first) })
    }
    #expect(planned { $0.drop([], of: first) }.isEmpty)
    #expect(planned { $0.drop(3, of: first) } == planned { $0.drop([3], of: first) })
    #expect(planned { $0.drop([.max, .min], of: first) }.isEmpty == false)
  }

  @Test("may only be about the layer that was asked about")
  func otherLayer() throws {
    let engine = try PlainEngine(
      .random(shape: .small, seed: 1),
      policy: Scripted { _, plan in plan.drop(0, of: LaneID(layer: 1, head: 0)) })
    #expect(
      throws: StoreError.badPlan(
        lane: LaneID(layer: 1, head: 0), reason: "the policy was not asked about this lane")
    ) {
      try engine.read(4)
    }
  }

  @Test("of scope sequence edits all layers at once, after the last")
  func sequenceScope() throws {
    var policy = Scripted { cache, plan in
      for layer in cache.layers {
        for head in 0..<cache.shape.keyHeads {
          let lane = cache.lane(layer: layer, head: head)
          plan.keep(lane.rowsByPosition().suffix(3 + layer * 2 + head), of: lane.id)
        }
      }
    }
    policy.scope = .sequence
    let engine = try PlainEngine(.random(shape: .small, seed: 1), policy: policy)
    try engine.read(20, chunk: 6)
    try engine.step(4)
    #expect(engine.keptNow.map(\.count) == [3, 4, 5, 6])
    #expect(engine.keptNow.allSatisfy { $0 == Array(24 - $0.count..<24) })
    #expect(engine.sequence.statistics.longestLane == 6)
    #expect(engine.sequence.statistics.shortestLane == 3)
    #expect(engine.sequence.checkInvariants() == nil)
  }

  @Test("before the output hides what it forgets from the output; after it does not")
  func phases() throws {
    // The newest three rows share all attention equally, so the output tells which rows were read.
    func output(_ phase: Phase) throws -> Float? {
      var policy = Scripted { cache, plan in
        let lane = cache.lane(layer: 0, head: 0)
        if case .step = cache.moment { plan.keep(lane.rowsByPosition().suffix(2), of: lane.id) }
      }
      policy.phase = phase
      let engine = try PlainEngine(.weights { $0 - $1 < 3 ? 1 : 0 }, policy: policy)
      try engine.read(10)
      try engine.step()
      return engine.outputs.last?.first
    }
    // A value's first element is its position.
    #expect(try output(.beforeStep) == 9.5)
    #expect(try output(.beforeOutput) == 9.5)
    #expect(try output(.afterOutput) == 9)
  }

  @Test("is asked before the step is shown, or after it, as its phase says")
  func order() throws {
    func rowsShown(_ phase: Phase) throws -> [Int] {
      let shape = CacheShape(layers: 1, keyHeads: 1, queryHeads: 1, headDimension: 2)
      let engine = try PlainEngine(
        .random(shape: shape, seed: 1), policy: Watcher(phase: phase))
      try engine.read(4)
      for _ in 0..<3 { try engine.step() }
      return (engine.sequence.policy(ofLayer: 0) as? Watcher)?.shown ?? []
    }
    // Each step adds a row, which is dropped before or after the policy sees it.
    #expect(try rowsShown(.beforeStep) == [4, 4, 4])
    #expect(try rowsShown(.beforeOutput) == [5, 5, 5])
    #expect(try rowsShown(.afterOutput) == [5, 5, 5])
  }

  @Test("can let each query head read its own rows, those being forgotten included")
  func attend() throws {
    let shape = CacheShape(layers: 1, keyHeads: 1, queryHeads: 2, headDimension: 2)
    var policy = Scripted { cache, plan in
      let lane = cache.lane(layer: 0, head: 0)
      guard case .step = cache.moment else { return }
      plan.keep([4, 5], of: lane.id)
      plan.attend([0, 5], head: 1, of: lane.id)
    }
    policy.phase = .beforeOutput
    var source = SyntheticAttention.random(shape: shape, seed: 1)
    source.logit = { _, _, _, _ in 0 }
    source.value = { _, _, position in [Float(position), 1] }
    let engine = try PlainEngine(source, policy: policy)
    try engine.read(5)
    try engine.step()
    #expect(engine.outputs.last == [4.5, 1, 2.5, 1])
    #expect(engine.keptNow == [[4, 5]])
  }
}

/// Drops a row at every step, and records the number of rows whose probabilities it receives.
private struct Watcher: KVCachePolicy {
  static let name = "watcher"
  static let summary = "drops the first row"
  static let source = "a test"
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var phase = Phase.afterOutput
  var shown: [Int] = []
  var signals: Set<Signal> { [.stepProbabilities] }
  var cadence: Cadence { Cadence(prompt: .never, every: 1) }

  init(phase: Phase) { self.phase = phase }
  init(_ settings: inout Settings) throws(PolicyError) {}

  mutating func step(_ layer: borrowing LayerView) {
    let lane = layer.lane(0)
    let probabilities = lane.probabilities(0)
    shown.append(probabilities.count)
  }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    let lane = cache.lane(layer: 0, head: 0)
    plan.drop(0, of: lane.id)
  }
}
