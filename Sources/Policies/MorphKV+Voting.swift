import KVPolicyKit

/// The recorded queries that vote, and where their votes are.
struct VoterRing: Sendable {
  /// Numbers of the queries, oldest first.
  let numbers: Range<Int>
  /// Queries that the ring goes round.
  let length: Int

  /// Where in the ring the votes of a query are.
  func slot(of number: Int) -> Int { number % length }
}

/// Counts the votes of one lane and writes the plan. Holds scratch memory only.
struct MorphKVVoting: Sendable {
  /// 1 for the rows that a softmax runs over, 0 for the others.
  private var mask: [Float] = []
  /// The votes, one per row.
  private var score: [Float] = []
  private var memory = VoteMemory()

  /// Bytes of scratch memory.
  var bytes: Int { (mask.count + score.count) * 4 + memory.bytes }

  /// Makes room for lanes of so many rows.
  mutating func reserve(rows: Int, group: Int) {
    guard score.count < rows else { return }
    score = Array(repeating: 0, count: rows + 64)
    mask = score
    memory.reserve(entries: group, rows: rows + 64)
  }

  /// Chooses what to drop from one lane and, if asked, what each query head reads.
  ///
  /// - Parameters:
  ///   - nearest: the newest rows, which stay whatever the votes.
  ///   - voters: numbers of the recorded queries that vote.
  mutating func choose(
    _ lane: borrowing LaneView, options: MorphKVOptions, nearest: Int, voters: VoterRing,
    plan: inout CachePlan
  ) {
    let horizon = Int32(lane.length.tokens - nearest)
    let keep = options.capacity - options.window
    guard lane.count - nearest > keep else { return }
    if options.attendMask == .perQueryHead {
      for query in 0..<lane.group {
        count(lane, queries: query..<query + 1, horizon: horizon, voters: voters, options: options)
        let chosen = best(keep, of: lane, horizon: horizon)
        plan.attend(chosen, head: query, of: lane.id)
      }
    }
    if lane.count - nearest == keep + 1 {
      let row = least(of: lane, options: options, horizon: horizon, voters: voters)
      if let row { plan.drop(row, of: lane.id) }
    } else {
      count(
        lane, queries: 0..<lane.group, horizon: horizon, voters: voters, options: options)
      plan.keep(best(keep, of: lane, horizon: horizon), of: lane.id)
    }
  }

  /// The distant row with the fewest votes.
  mutating func least(
    of lane: borrowing LaneView, options: MorphKVOptions, horizon: Int32, voters: VoterRing
  ) -> Int? {
    count(lane, queries: 0..<lane.group, horizon: horizon, voters: voters, options: options)
    return Selection.least(of: score.span, positions: lane.positions, before: horizon)
  }

  private mutating func reset(_ lane: borrowing LaneView, horizon: Int32) {
    let count = lane.count
    reserve(rows: count, group: lane.group)
    let positions = lane.positions
    for row in 0..<count { mask[row] = positions[row] < horizon ? 1 : 0 }
    for row in 0..<count { score[row] = 0 }
  }

  /// `score[row]` becomes the fused votes for each row; +∞ for sinks.
  private mutating func count(
    _ lane: borrowing LaneView, queries: Range<Int>, horizon: Int32, voters: VoterRing,
    options: MorphKVOptions
  ) {
    reset(lane, horizon: options.normaliser == .distantOnly ? horizon : .max)
    let entries = options.entries(of: queries, group: lane.group)
    let isMean = options.reduction == .meanOfProbabilities
    for voter in voters.numbers {
      let first = voters.slot(of: voter) * options.entriesPerVoter(group: lane.group)
      lane.countVote(
        column: 0, entries: first + entries.lowerBound..<first + entries.upperBound, mask: mask,
        heads: isMean ? .add : .max, share: isMean ? 1 / Float(entries.count) : 1, into: &score,
        by: options.fusion == .sum ? .add : .max, memory: &memory)
    }
    protectSinks(lane, options.sinks)
  }

  private mutating func protectSinks(_ lane: borrowing LaneView, _ sinks: Int) {
    guard sinks > 0 else { return }
    let positions = lane.positions
    for row in 0..<lane.count where positions[row] < Int32(sinks) { score[row] = .infinity }
  }

  /// The nearest rows and the `keep` distant ones with the most votes.
  private func best(_ keep: Int, of lane: borrowing LaneView, horizon: Int32) -> [Int] {
    let positions = lane.positions
    let rows = 0..<lane.count
    let distant = rows.filter { positions[$0] < horizon }
    let chosen = Selection.largest(keep, of: distant, by: score, positions: positions)
    return chosen + rows.filter { positions[$0] >= horizon }
  }
}
