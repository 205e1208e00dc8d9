import KVPolicyKit

/// Counts the votes of one lane and writes the plan. Holds scratch memory only.
struct MorphKVVoting: Sendable {
  /// 0 for the rows that a softmax runs over, −∞ for the others.
  private var support: [Float] = []
  /// One voter's fused probabilities; with `sumOfLogits`, before that, its summed logits.
  private var vote: [Float] = []
  private var score: [Float] = []

  /// Bytes of scratch memory.
  var bytes: Int { (support.capacity + vote.capacity + score.capacity) * 4 }

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
      vote = score
      support = score
    }
    let positions = lane.positions
    for row in 0..<count { support[row] = positions[row] < horizon ? 0 : -.infinity }
  }

  /// `score[row]` becomes the fused votes for each row.
  private mutating func count(
    _ lane: borrowing LaneView, queries: Range<Int>, voters: Range<Int>, options: MorphKVOptions
  ) {
    let rows = lane.count
    for row in 0..<rows { score[row] = 0 }
    for voter in voters {
      let entry = voter % options.ringLength * lane.group
      for row in 0..<rows { vote[row] = 0 }
      switch options.reduction {
      case .maxOfProbabilities:
        for query in queries {
          Softmax.fold(lane.column(0, entry: entry + query), bias: support, into: &vote, by: .max)
        }
      case .meanOfProbabilities:
        for query in queries {
          Softmax.fold(lane.column(0, entry: entry + query), bias: support, into: &vote, by: .add)
        }
      case .sumOfLogits:
        sumLogits(lane, entry: entry, queries: queries)
      }
      let share: Float = options.reduction == .meanOfProbabilities ? 1 / Float(queries.count) : 1
      if options.fusion == .sum {
        for row in 0..<rows { score[row] += vote[row] * share }
      } else {
        for row in 0..<rows { score[row] = max(score[row], vote[row] * share) }
      }
    }
  }

  /// `vote` becomes the softmax of the sum of the query heads' logits. Written into spare room of its
  /// own, because a softmax cannot be folded into its own logits.
  private mutating func sumLogits(_ lane: borrowing LaneView, entry: Int, queries: Range<Int>) {
    var sums = [Float](repeating: 0, count: lane.count)
    for query in queries {
      let logits = lane.column(0, entry: entry + query)
      for row in 0..<sums.count { sums[row] += logits[row] }
    }
    Softmax.fold(sums.span, bias: support, into: &vote, by: .add)
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
