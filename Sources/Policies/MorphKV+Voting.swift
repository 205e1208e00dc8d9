import KVPolicyKit

/// Counts the votes of one lane and writes the plan. Holds scratch memory only.
struct MorphKVVoting: Sendable {
  /// 0 for the rows that a softmax runs over, −∞ for the others.
  private var support: [Float] = []
  /// The votes, one per row.
  private var score: [Float] = []
  /// With `sumOfLogits`: one voter's logits, summed over the group.
  private var sums: [Float] = []
  private var scratch = VoteScratch()

  /// Bytes of scratch memory.
  var bytes: Int { (support.capacity + score.capacity + sums.capacity) * 4 + scratch.bytes }

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
      plan.drop(fewest(lane, horizon: horizon), of: lane.id)
    } else {
      plan.keep(best(keep, of: lane, horizon: horizon), of: lane.id)
    }
  }

  private mutating func reset(_ lane: borrowing LaneView, horizon: Int32) {
    let count = lane.count
    if score.count < count {
      score = Array(repeating: 0, count: count + 64)
      sums = score
      support = score
    }
    let positions = lane.positions
    for row in 0..<count { support[row] = positions[row] < horizon ? 0 : -.infinity }
  }

  /// `score[row]` becomes the fused votes for each row.
  private mutating func count(
    _ lane: borrowing LaneView, queries: Range<Int>, voters: Range<Int>, options: MorphKVOptions
  ) {
    for row in 0..<lane.count { score[row] = 0 }
    let fusion: Softmax.Fold = options.fusion == .sum ? .add : .max
    for voter in voters {
      let entry = voter % options.ringLength * lane.group
      let heads = entry + queries.lowerBound..<entry + queries.upperBound
      switch options.reduction {
      case .maxOfProbabilities:
        lane.countVote(
          column: 0, entries: heads, bias: support, heads: .max, into: &score, by: fusion,
          scratch: &scratch)
      case .meanOfProbabilities:
        lane.countVote(
          column: 0, entries: heads, bias: support, heads: .add, share: 1 / Float(heads.count),
          into: &score, by: fusion, scratch: &scratch)
      case .sumOfLogits:
        sumLogits(lane, entries: heads)
        let sums = self.sums
        Softmax.fold(
          sums.span.extracting(0..<lane.count), bias: support, into: &score, by: fusion)
      }
    }
  }

  /// `sums` becomes the sum of the query heads' logits.
  private mutating func sumLogits(_ lane: borrowing LaneView, entries: Range<Int>) {
    for row in 0..<lane.count { sums[row] = 0 }
    for entry in entries {
      let logits = lane.column(0, entry: entry)
      for row in 0..<logits.count { sums[row] += logits[row] }
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

  /// The distant row with the fewest votes; of equals the one furthest on.
  private func fewest(_ lane: borrowing LaneView, horizon: Int32) -> Int {
    let positions = lane.positions
    var best = -1
    for row in 0..<lane.count where positions[row] < horizon {
      if best < 0 || score[row] < score[best]
        || (score[row] == score[best] && positions[row] > positions[best])
      {
        best = row
      }
    }
    return best
  }
}
