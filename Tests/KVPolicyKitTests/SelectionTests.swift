import KVPolicyTesting
import Testing

@testable import KVPolicyKit

/// One lane with its rows in some order, and a score for each position.
private struct Ballot<Score> {
  let positions: [Int]
  let scores: [Score]
  let tokens: Int
  var protection = Protection()

  /// Whether a position may be forgotten.
  func isExposed(_ position: Int) -> Bool {
    position >= protection.sinks && position < tokens - protection.recent
  }
}

@Suite("Choosing rows by score") struct SelectionTests {
  /// A lane that holds these positions of a text of `tokens` tokens, in this order.
  private func lane(_ positions: [Int], of tokens: Int) throws -> (PlainEngine, Lane) {
    let engine = try paintedEngine()
    try engine.read(tokens)
    if positions.count < tokens { try engine.edit { $0.keep(positions, of: $1) } }
    let kept = engine.sequence.keptPositions(layer: 0, head: 0)
    engine.sequence.renumber(
      layer: 0, head: 0, order: positions.compactMap { kept.firstIndex(of: $0) })
    return (engine, engine.sequence.lane(0, 0))
  }

  /// The rows that a plan leaves in a lane with `rows` rows.
  private func survivors(_ plan: CachePlan, of rows: Int) -> Set<Int> {
    guard let edit = plan.edits.first else { return Set(0..<rows) }
    switch edit {
    case .drop(_, let list):
      return Set(0..<rows).subtracting([Int32](plan.rows(list)).map(Int.init))
    case .keep(_, let list): return Set([Int32](plan.rows(list)).map(Int.init))
    case .attend, .place: return []
    }
  }

  /// The rows to keep, by position, as plain sorting finds them.
  private func best<Score>(
    _ count: Int, of ballot: Ballot<Score>, isBelow: (Score, Score) -> Bool
  ) -> [Int] {
    let exposed = ballot.positions.indices.filter { ballot.isExposed(ballot.positions[$0]) }
    let ranked = exposed.sorted { one, other in
      if isBelow(ballot.scores[other], ballot.scores[one]) { return true }
      if isBelow(ballot.scores[one], ballot.scores[other]) { return false }
      return ballot.positions[one] < ballot.positions[other]
    }
    let protected = ballot.positions.filter { !ballot.isExposed($0) }
    return (protected + ranked.prefix(count).map { ballot.positions[$0] }).sorted()
  }

  /// The order of scores for floats: NaN is below all other values.
  private static func isBelow(_ a: Float, _ b: Float) -> Bool {
    a.isNaN ? !b.isNaN : a < b
  }

  /// A ballot over a random part of the text, its rows in random order.
  private func ballot<Score>(
    rows: Int, _ numbers: inout SplitMix64, score: (inout SplitMix64) -> Score
  ) -> Ballot<Score> {
    let tokens = rows + Int.random(in: 0...20, using: &numbers)
    let positions = Array((0..<tokens).shuffled(using: &numbers).prefix(rows))
    var protection = Protection()
    if Bool.random(using: &numbers) {
      protection.sinks = Int.random(in: 0...6, using: &numbers)
      protection.recent = Int.random(in: 0...tokens + 2, using: &numbers) / 2
    }
    return Ballot(
      positions: positions, scores: positions.map { _ in score(&numbers) }, tokens: tokens,
      protection: protection)
  }

  /// Checks which rows are kept for every count, and how the plan expresses it.
  private func check<Score>(
    _ ballot: Ballot<Score>, isBelow: (Score, Score) -> Bool,
    _ choose: (inout CachePlan, Int, borrowing LaneView) -> Void
  ) throws {
    let (engine, lane) = try lane(ballot.positions, of: ballot.tokens)
    let signals = SignalBuffers()
    let view = LaneView(
      lane, group: 1, length: LogicalLength(ballot.tokens), signals: signals)
    let rows = ballot.positions.count
    let exposed = ballot.positions.count { ballot.isExposed($0) }
    var plan = CachePlan()
    for count in 0...rows {
      plan.removeAll()
      choose(&plan, count, view)
      let kept = survivors(plan, of: rows).map { ballot.positions[$0] }.sorted()
      let expected = best(count, of: ballot, isBelow: isBelow)
      try #require(kept == expected, "\(count) of \(ballot)")
      switch plan.edits.first {
      case nil: #expect(exposed <= count)
      case .drop(_, let list): #expect(exposed == count + 1 && list.count == 1)
      case .keep: #expect(exposed > count + 1)
      case .attend, .place: Issue.record("an edit of another kind")
      }
    }
    #expect(engine.sequence.checkInvariants() == nil)
  }

  private static let oddFloats: [Float] = [
    0, -0.0, .infinity, 1, 1, -1, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 1.0000001,
    .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
  ]
  private static let notNumbers: [Float] = [.nan, -.nan, .signalingNaN]

  @Test("by floats keeps what sorting keeps, of any lane, whatever the scores", arguments: 0..<5)
  func floats(kind: Int) throws {
    var numbers = SplitMix64(seed: 40 + UInt64(kind))
    for rows in 1...70 {
      let ballot = ballot(rows: rows, &numbers) { numbers -> Float in
        switch kind {
        case 0: return (Self.oddFloats + Self.notNumbers).randomElement(using: &numbers) ?? 0
        case 4: return (Self.oddFloats + [-.infinity]).randomElement(using: &numbers) ?? 0
        case 1: return Float(numbers.unit() * 2 - 1)
        // The upper bytes are equal, so the last byte decides.
        case 2: return Float(bitPattern: 0x3F80_0000 + UInt32.random(in: 0..<40, using: &numbers))
        default:
          let any = Float(bitPattern: .random(in: 0...UInt32.max, using: &numbers))
          return any == -.infinity ? 0 : any
        }
      }
      try check(ballot, isBelow: Self.isBelow) { plan, count, view in
        plan.keepBest(
          count, of: view, by: ballot.scores.span, protecting: ballot.protection)
      }
    }
  }

  @Test("by whole numbers keeps what sorting keeps", arguments: 0..<4)
  func wholeNumbers(kind: Int) throws {
    var numbers = SplitMix64(seed: 50 + UInt64(kind))
    for rows in 1...70 {
      let ballot = ballot(rows: rows, &numbers) { numbers -> UInt32 in
        switch kind {
        case 0: return [0, 1, 1 << 30, (1 << 31) - 1, 255].randomElement(using: &numbers) ?? 0
        case 1: return .random(in: 0...255, using: &numbers)
        case 2: return 0x7FFF_FF00 + .random(in: 0..<40, using: &numbers)
        default: return .random(in: 0..<1 << 31, using: &numbers)
        }
      }
      try check(ballot, isBelow: <) { plan, count, view in
        plan.keepBest(
          count, of: view, by: ballot.scores.span, protecting: ballot.protection)
      }
    }
  }

  @Test("makes the same choice whatever the numbers of the rows, be the scores numbers or not")
  func numbering() throws {
    var numbers = SplitMix64(seed: 80)
    let odd = Self.oddFloats + Self.notNumbers + [-.infinity]
    let large: [UInt32] = [.max, .max - 1, 1 << 31, (1 << 31) - 1, (1 << 31) + 1, 0, 3]
    for rows in 1...70 {
      let floats = (0..<rows).map { _ in odd.randomElement(using: &numbers) ?? 0 }
      let counts = (0..<rows).map { _ in large.randomElement(using: &numbers) ?? 0 }
      let choices = try (0..<3).map { _ -> [[Int]] in
        let order = Array(0..<rows).shuffled(using: &numbers)
        let (engine, lane) = try lane(order, of: rows)
        let signals = SignalBuffers()
        let view = LaneView(lane, group: 1, length: LogicalLength(rows), signals: signals)
        let (byFloats, byCounts) = (order.map { floats[$0] }, order.map { counts[$0] })
        #expect(engine.sequence.checkInvariants() == nil)
        return (0...rows).flatMap { count -> [[Int]] in
          var (one, other) = (CachePlan(), CachePlan())
          one.keepBest(count, of: view, by: byFloats.span)
          other.keepBest(count, of: view, by: byCounts.span)
          let list = Selection.largest(
            count, of: Array(0..<rows), by: byFloats, positions: view.positions)
          #expect(Set(list) == survivors(one, of: rows))
          return [one, other].map { survivors($0, of: rows).map { order[$0] }.sorted() }
        }
      }
      try #require(choices[0] == choices[1] && choices[0] == choices[2], "\(rows) rows")
    }
  }

  @Test("by nothing keeps the protected rows")
  func protected() throws {
    var numbers = SplitMix64(seed: 60)
    for rows in 1...70 {
      let ballot = ballot(rows: rows, &numbers) { _ in 0 }
      let (engine, lane) = try lane(ballot.positions, of: ballot.tokens)
      let signals = SignalBuffers()
      let view = LaneView(
        lane, group: 1, length: LogicalLength(ballot.tokens), signals: signals)
      var plan = CachePlan()
      plan.keepProtected(ballot.protection, of: view)
      #expect(
        survivors(plan, of: rows).map { ballot.positions[$0] }.sorted()
          == ballot.positions.filter { !ballot.isExposed($0) }.sorted())
      #expect(
        view.rowsByPosition(outside: ballot.protection).map { ballot.positions[$0] }
          == ballot.positions.filter { ballot.isExposed($0) }.sorted())
      #expect(engine.sequence.checkInvariants() == nil)
    }
  }

  @Test("in a list chooses what sorting chooses, of any candidates, however rows are numbered")
  func largest() {
    var numbers = SplitMix64(seed: 70)
    for rows in 1...70 {
      let positions = (0..<rows + 9).shuffled(using: &numbers).prefix(rows).map { Int32($0) }
      let scores = positions.map { _ in
        numbers.unit() < 0.7
          ? (Self.oddFloats + Self.notNumbers).randomElement(using: &numbers) ?? 0
          : Float(numbers.unit())
      }
      let candidates = Array(
        (0..<rows).shuffled(using: &numbers).prefix(Int.random(in: 0...rows, using: &numbers)))
      let ranked = candidates.sorted { one, other in
        if Self.isBelow(scores[other], scores[one]) { return true }
        if Self.isBelow(scores[one], scores[other]) { return false }
        return positions[one] < positions[other]
      }
      for count in 0...candidates.count + 1 {
        let chosen = Selection.largest(
          count, of: candidates, by: scores, positions: positions.span)
        #expect(chosen == ranked.prefix(count).sorted(), "\(count) of \(candidates)")
      }
    }
  }

  @Test("in a range chooses what sorting chooses, and of equal scores the first")
  func largestInRange() {
    var numbers = SplitMix64(seed: 71)
    for rows in 1...70 {
      let scores = (0..<rows + 9).map { _ in
        numbers.unit() < 0.7
          ? (Self.oddFloats + Self.notNumbers).randomElement(using: &numbers) ?? 0
          : Float(numbers.unit())
      }
      let first = Int.random(in: 0...9, using: &numbers)
      let ranked = (0..<rows).sorted { one, other in
        if Self.isBelow(scores[first + other], scores[first + one]) { return true }
        if Self.isBelow(scores[first + one], scores[first + other]) { return false }
        return one < other
      }
      for count in 0...rows + 1 {
        var chosen = [-1]
        Selection.largest(count, of: scores, in: first..<first + rows, into: &chosen)
        #expect(chosen == [-1] + ranked.prefix(count).sorted(), "\(count) of \(rows)")
      }
    }
  }
}
