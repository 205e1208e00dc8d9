import Foundation
import KVPolicyKit
import KVPolicyTesting
import Testing

/// The expected state of a sequence: for each lane, rows by position.
private struct ModelSequence {
  let engine: PlainEngine
  var lanes: [[Int: StoredRow]]

  init(_ engine: PlainEngine) {
    self.engine = engine
    lanes = Array(repeating: [:], count: engine.source.shape.lanes)
  }

  func forked(_ engine: PlainEngine) -> ModelSequence {
    var copy = ModelSequence(engine)
    copy.lanes = lanes
    return copy
  }

  /// Appends the rows that the store should hold after `count` more tokens were read in one moment.
  mutating func append(_ count: Int, firstPosition first: Int, format: RowFormat) {
    let source = engine.source
    for index in lanes.indices {
      let (layer, head) = (index / source.shape.keyHeads, index % source.shape.keyHeads)
      for position in first..<first + count {
        lanes[index][position] = StoredRow(
          position: position, place: nil,
          key: format.rounding(source.key(layer, head, position)),
          value: format.rounding(source.value(layer, head, position)), columns: [1, -1, -1, -1])
      }
      let tokens = first + count
      for position in lanes[index].keys {
        lanes[index][position]?.columns[0] += 1
        lanes[index][position]?.columns[1 + tokens % 3] =
          Painter.mark(layer, head, position, tokens)
      }
    }
  }

  /// The first lane in which store and model differ.
  func difference() -> String? {
    for (index, rows) in engine.rows.enumerated() {
      let found = Dictionary(rows.map { ($0.position, $0) }) { $1 }
      if rows.count != lanes[index].count || found.count != rows.count {
        return "lane \(index): \(rows.count) rows, not \(lanes[index].count)"
      }
      for (position, row) in lanes[index] where found[position].map(withoutPlace) != row {
        return "lane \(index), position \(position): \(String(describing: found[position])) "
          + "instead of \(row)"
      }
    }
    return nil
  }

  private func withoutPlace(_ row: StoredRow) -> StoredRow {
    var row = row
    row.place = nil
    return row
  }
}

/// Random operations on a few forks, against dictionaries.
private struct RandomWalk {
  var numbers: SplitMix64
  let format: RowFormat
  let store: PagedKVStore
  var sequences: [ModelSequence]
  var forks: UInt64 = 0

  init(seed: UInt64, pageRows: Int, format: RowFormat, rule: PositionRule) throws {
    numbers = SplitMix64(seed: seed)
    self.format = format
    let width = max(2, format.blockElements)
    let shape = CacheShape(layers: 2, keyHeads: 1, queryHeads: 2, headDimension: width)
    store = try PagedKVStore(
      shape: shape, configuration: StoreConfiguration(pageRows: pageRows, format: format))
    let policies = try PolicyAssignment(Painter(rule: rule), shape: shape)
    // Without rotation, a stored key is equal under every position rule.
    let engine = PlainEngine(
      .random(shape: shape, seed: seed), sequence: store.makeSequence(policies))
    engine.remembers = false
    sequences = [ModelSequence(engine)]
  }

  mutating func operate() throws -> String {
    let index = Int.random(in: sequences.indices, using: &numbers)
    switch Int.random(in: 0..<13, using: &numbers) {
    case 0..<5: return try read(index, step: true)
    case 5, 6: return try read(index, step: false)
    case 7, 8, 9: return try edit(index)
    case 10 where sequences.count < 4: return fork(index)
    case 11 where sequences.count > 1:
      sequences.remove(at: index)
      return "release \(index)"
    case 12: return try refuse(index)
    default: return renumber(index)
    }
  }

  private mutating func read(_ index: Int, step: Bool) throws -> String {
    let first = sequences[index].engine.sequence.length.tokens
    guard first < 90 else { return try edit(index) }
    let count = step ? 1 : Int.random(in: 1...11, using: &numbers)
    if step {
      try sequences[index].engine.step()
    } else {
      try sequences[index].engine.read(count)
    }
    sequences[index].append(count, firstPosition: first, format: format)
    return "read \(count) into \(index)"
  }

  /// Drops or keeps a random part of one lane or of all lanes.
  private mutating func edit(_ index: Int) throws -> String {
    let engine = sequences[index].engine
    var plan = CachePlan()
    let onlyLane = Bool.random(using: &numbers) ? nil : Int.random(in: 0..<2, using: &numbers)
    for lane in sequences[index].lanes.indices where onlyLane == nil || onlyLane == lane {
      let rows = engine.sequence.storedRows(layer: lane, head: 0)
      guard rows.count > 1 else { continue }
      let few = Bool.random(using: &numbers)
      let size = Int.random(in: 1...min(few ? 4 : 90, rows.count - 1), using: &numbers)
      let dropped = Array(rows.indices.shuffled(using: &numbers).prefix(size))
      let id = LaneID(layer: lane, head: 0)
      switch Int.random(in: 0..<3, using: &numbers) {
      case 0 where size == 1: plan.drop(dropped[0], of: id)
      case 1: plan.keep(rows.indices.filter { !dropped.contains($0) }, of: id)
      default: plan.drop(dropped, of: id)
      }
      for row in dropped { sequences[index].lanes[lane][rows[row].position] = nil }
    }
    try engine.sequence.apply(plan)
    return "apply \(plan.edits) to \(index)"
  }

  /// Asks for something impossible, which must change nothing.
  private mutating func refuse(_ index: Int) throws -> String {
    let sequence = sequences[index].engine.sequence
    let id = LaneID(layer: Int.random(in: 0..<2, using: &numbers), head: 0)
    let wild = [Int.min, -1, 1 << 31, 1 << 32, .max].randomElement(using: &numbers) ?? -1
    let row = Bool.random(using: &numbers) ? wild : sequence.rowCount(layer: id.layer, head: 0)
    var plan = CachePlan()
    switch Int.random(in: 0..<8, using: &numbers) {
    case 0: plan.drop(row, of: id)
    case 1: plan.drop([row, row], of: id)
    case 2: plan.keep([row], of: id)
    case 3: plan.keep([Int](), of: id)
    case 4: plan.drop(0, of: LaneID(layer: wild, head: 0))
    case 5: plan.keep([0], of: LaneID(layer: 0, head: wild))
    case 6: plan.attend([0], head: wild, of: id)
    default: plan.place([wild], of: id)
    }
    #expect(throws: StoreError.self) { try sequence.apply(plan) }
    #expect(throws: StoreError.self) { try sequence.reserve(tokens: wild) }
    return "refuse \(plan.edits) and \(wild) tokens of \(index)"
  }

  private mutating func fork(_ index: Int) -> String {
    forks += 1
    let other = SyntheticAttention.random(shape: store.shape, seed: 1000 + forks)
    sequences.append(sequences[index].forked(sequences[index].engine.fork(reading: other)))
    return "fork \(index)"
  }

  private mutating func renumber(_ index: Int) -> String {
    let engine = sequences[index].engine
    let count = engine.sequence.rowCount(layer: 0, head: 0)
    engine.sequence.renumber(
      layer: 0, head: 0, order: Array(0..<count).shuffled(using: &numbers))
    return "renumber \(index)"
  }
}

@Suite("The store") struct StoreModelTests {
  /// How many random walks each kind of store goes through; `KVPOLICY_WALKS=1000` for a long search.
  private static let walks =
    ProcessInfo.processInfo.environment["KVPOLICY_WALKS"].flatMap(UInt64.init) ?? 3

  @Test(
    "agrees with a dictionary through any append, drop, keep, fork, release and bad request",
    arguments: [4, 8, 16, 64], RowFormat.allCases)
  func randomOperations(pageRows: Int, format: RowFormat) throws {
    for seed in 0..<Self.walks {
      let rule = PositionRule.allCases[Int(seed) % 3]
      var walk = try RandomWalk(
        seed: seed &* 31 &+ UInt64(pageRows), pageRows: pageRows, format: format, rule: rule)
      for number in 0..<120 {
        let operation = try walk.operate()
        let broken = walk.store.checkInvariants(walk.sequences.map(\.engine.sequence))
        try #require(broken == nil, "seed \(seed), \(number): \(operation)")
        for sequence in walk.sequences {
          try #require(sequence.difference() == nil, "seed \(seed), \(number): \(operation)")
        }
      }
      walk.sequences.removeAll()
      #expect(walk.store.pagesInUse == 0)
      #expect(walk.store.mappedBytes == 0)
    }
  }
}
