import KVPolicyKit

/// Counts the votes of one lane and writes the plan. Holds scratch memory only.
struct MorphKVVoting: Sendable {
  /// 1 for the rows that a softmax runs over, 0 for the others.
  private var mask: [Float] = []
  /// The votes, one per row.
  private var score: [Float] = []
  /// One factor per query head.
  private var scales: [Float] = []

  /// Bytes of scratch memory.
  var bytes: Int { (mask.count + score.count + scales.count) * 4 }

  /// Chooses what to drop from one lane and, if asked, what each query head reads.
  ///
  /// - Parameters:
  ///   - nearest: the newest rows, which stay whatever the votes.
  ///   - voters: numbers of the recorded queries that vote; modulo the ring's length their ring slots.
  mutating func choose(
    _ lane: borrowing LaneView, options: MorphKVOptions, nearest: Int, voters: Range<Int>,
    plan: inout CachePlan
  ) {
    let horizon = Int32(lane.length.tokens - nearest)
    let keep = options.capacity - options.window
    guard lane.count - nearest > keep else { return }
    reset(lane, horizon: options.normaliser == .distantOnly ? horizon : .max)
    if options.attendMask == .perQueryHead {
      for query in 0..<lane.group {
        count(lane, queries: query..<query + 1, voters: voters, options: options)
        protectSinks(lane, options.sinks)
        let chosen = best(keep, of: lane, horizon: horizon)
        plan.attend(chosen, head: query, of: lane.id)
      }
    }
    count(lane, queries: 0..<lane.group, voters: voters, options: options)
    protectSinks(lane, options.sinks)
    if lane.count - nearest == keep + 1 {
      let row = Selection.least(of: score.span, positions: lane.positions, before: horizon)
      if let row { plan.drop(row, of: lane.id) }
    } else {
      plan.keep(best(keep, of: lane, horizon: horizon), of: lane.id)
    }
  }

  private mutating func reset(_ lane: borrowing LaneView, horizon: Int32) {
    let count = lane.count
    if score.count < count {
      score = Array(repeating: 0, count: count + 64)
      mask = score
    }
    let positions = lane.positions
    for row in 0..<count { mask[row] = positions[row] < horizon ? 1 : 0 }
  }

  /// `score[row]` becomes the fused votes for each row.
  private mutating func count(
    _ lane: borrowing LaneView, queries: Range<Int>, voters: Range<Int>, options: MorphKVOptions
  ) {
    for row in 0..<lane.count { score[row] = 0 }
    let entries = options.entries(of: queries, group: lane.group)
    let isMean = options.reduction == .meanOfProbabilities
    for voter in voters {
      let first = voter % options.ringLength * options.entriesPerVoter(group: lane.group)
      lane.countVote(
        column: 0, entries: first + entries.lowerBound..<first + entries.upperBound, mask: mask,
        heads: isMean ? .add : .max, share: isMean ? 1 / Float(entries.count) : 1, into: &score,
        by: options.fusion == .sum ? .add : .max, scales: &scales)
    }
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
