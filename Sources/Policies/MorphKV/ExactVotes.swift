import KVPolicyKit

/// The votes of ``MorphKV`` as its authors' code counts them, without shortcuts: the logits of the
/// window's queries are stored with the rows, and each decision computes every voter's softmax
/// again. For fidelity, not for use: a row's votes take 4 bytes per voter and query head.
///
/// Behaviour of ghadiaravi13/MorphKV for Mistral, Qwen and Phi ("variant A"), except for
/// `attendMask`. Votes are a column, so they stay with their rows by construction; the official
/// Llama code keeps them in a separate array, which gets out of step with the cache under
/// grouped-query attention.
struct ExactVotes: Sendable {
  enum Reduction: String, CaseIterable { case maxOfProbabilities, sumOfLogits, meanOfProbabilities }
  enum Rows: String, CaseIterable {
    case windowMinusOne = "W-1"
    case window = "W"
  }
  enum Normaliser: String, CaseIterable { case distantOnly, allVisible }
  enum AttendMask: String, CaseIterable { case perKVHead, perQueryHead }
  enum ShortPrompt: String, CaseIterable { case official, grow }

  let window: Int
  let fusion: MorphKV.Fusion
  let reduction: Reduction
  let rows: Rows
  let includeCurrentQuery: Bool
  let normaliser: Normaliser
  let attendMask: AttendMask
  let shortPrompt: ShortPrompt
  /// Per layer: how many queries its ring has recorded so far.
  private var recorded: [Int] = []
  /// The most queries that vote, once a prompt shorter than the window has fixed this number.
  private var voterLimit = Int.max
  /// 0 for the rows that a softmax runs over, −∞ for all other rows. Kept for its memory, like the
  /// arrays below.
  private var bias: [Float] = []
  /// One voter's vote for each row.
  private var vote: [Float] = []
  /// The fused votes for each row.
  private var score: [Float] = []
  private var scratch: [Float] = []

  init(
    _ settings: inout Settings, window: Int, fusion: MorphKV.Fusion, isChosen: Bool
  ) throws(PolicyError) {
    (self.window, self.fusion) = (window, fusion)
    reduction = try settings.choice(
      "gqa", default: .maxOfProbabilities, "exact: how a group's query heads become one vote")
    rows = try settings.choice(
      "rows", default: .windowMinusOne,
      "exact: how many queries vote; the official code takes one less")
    includeCurrentQuery = try settings.flag(
      "includeCurrentQuery", default: false,
      "exact: whether the current token votes on its own step")
    normaliser = try settings.choice(
      "normaliser", default: .distantOnly, "exact: what a vote's softmax runs over")
    attendMask = try settings.choice(
      "attendMask", default: .perKVHead,
      "exact: what the current output reads: the key head's survivors, or each query head's own")
    shortPrompt = try settings.choice(
      "shortPrompt", default: isChosen ? .official : .grow,
      "exact: after a prompt shorter than the window only as many vote for ever, or the number grows"
    )
    if isChosen {
      guard window >= 2 else {
        throw settings.impossible(
          "a window of 1 has no voter under \"votes\": \"exact\"; use 2 or more")
      }
      try settings.refuse(["voters", "votersShare", "block"]) {
        "'\($0)' belongs to \"votes\": \"blocks\"; exact votes are those of the window"
      }
    } else {
      try settings.refuseChanges(
        ["gqa", "rows", "includeCurrentQuery", "normaliser", "attendMask", "shortPrompt"]
      ) { "'\($0)' belongs to \"votes\": \"exact\", and blocks know only its default" }
    }
  }

  /// Logits, from which the softmax over any part of the rows can be computed later.
  var signals: Set<Signal> { [.promptRows(voters), .stepLogits] }

  /// For each remembered query, its logits for every query head of the group.
  func column(for shape: CacheShape) -> Column {
    .ring("votes", width: ringLength * shape.group, initial: -.infinity)
  }

  var bytes: Int {
    recorded.count * 8 + (bias.count + vote.count + score.count + scratch.count) * 4
  }

  /// How many queries vote when enough were read.
  private var voters: Int { rows == .window ? window : window - 1 }
  /// Before the new token's attention is computed, unless the new token votes on its own step or
  /// each query head chooses the rows it reads: both need the new token's logits.
  var phase: Phase {
    includeCurrentQuery || attendMask == .perQueryHead ? .beforeOutput : .beforeStep
  }
  /// Remembered queries that do not vote: the current query, if it is recorded before the decision
  /// without voting on it.
  private var silent: Int { phase == .beforeOutput && !includeCurrentQuery ? 1 : 0 }
  private var ringLength: Int { voters + silent }

  /// Records the prompt's last queries.
  mutating func prefill(_ layer: borrowing LayerView) {
    if rows == .windowMinusOne, shortPrompt == .official, layer.length.tokens > 1 {
      voterLimit = min(voterLimit, min(window, layer.length.tokens) - 1)
    }
    let first = number(layer)
    layer.forEachLane { lane in
      lane.forEachPromptRow { row in
        for query in 0..<lane.group {
          remember(row.logits(query), query, of: first + row.index, in: lane)
        }
      }
    }
    recorded[layer.layer] = first + layer.lane(0).promptRowCount
  }

  /// Records the new token's query.
  mutating func step(_ layer: borrowing LayerView) {
    let number = number(layer)
    layer.forEachLane { lane in
      for query in 0..<lane.group { remember(lane.logits(query), query, of: number, in: lane) }
    }
    recorded[layer.layer] = number + 1
  }

  /// The next query's number in a layer.
  private mutating func number(_ layer: borrowing LayerView) -> Int {
    if recorded.isEmpty { recorded = Array(repeating: 0, count: layer.shape.layers) }
    return recorded[layer.layer]
  }

  private func remember(
    _ logits: Span<Float>, _ query: Int, of number: Int, in lane: borrowing LaneView
  ) {
    var entry = lane.mutableColumn(0, entry: number % ringLength * lane.group + query)
    for row in 0..<entry.count { entry[row] = logits[row] }
  }

  /// Keeps the `keep` rows with the most votes beside the rows that `stay` protects. Under
  /// `attendMask` `perQueryHead` it also writes the rows that each query head reads.
  mutating func evict(
    _ lane: borrowing LaneView, keeping keep: Int, _ stay: Protection, _ moment: Moment,
    plan: inout CachePlan
  ) {
    var newest = recorded.isEmpty ? 0 : recorded[lane.id.layer]
    if case .step = moment { newest -= silent }
    let numbers = newest - min(voters, voterLimit, newest)..<newest
    if attendMask == .perQueryHead {
      for query in 0..<lane.group {
        count(lane, queries: query..<query + 1, numbers, stay)
        var own = CachePlan()
        own.keepBest(keep, of: lane, by: score.span, protecting: stay)
        guard !own.isEmpty else { return }
        plan.attend(own.survivors(of: lane), head: query, of: lane.id)
      }
    }
    count(lane, queries: 0..<lane.group, numbers, stay)
    plan.keepBest(keep, of: lane, by: score.span, protecting: stay)
  }

  /// Sets `score[row]` to the votes for the row, fused over the voters `numbers`; of each voter the
  /// query heads `queries` of the group count.
  private mutating func count(
    _ lane: borrowing LaneView, queries: Range<Int>, _ numbers: Range<Int>, _ stay: Protection
  ) {
    let positions = lane.positions
    let distant = Protection(recent: stay.recent).exposed(of: lane.length)
    bias.removeAll(keepingCapacity: true)
    for row in 0..<lane.count {
      let takesPart = normaliser == .allVisible || distant.contains(positions[row])
      bias.append(takesPart ? 0 : -.infinity)
    }
    score.reset(to: lane.count)
    for number in numbers {
      let first = number % ringLength * lane.group
      vote.reset(to: lane.count)
      if reduction == .sumOfLogits, queries.count > 1 {
        var sums = [Float](repeating: 0, count: lane.count)
        for query in queries {
          let logits = lane.column(0, entry: first + query)
          for row in 0..<lane.count { sums[row] += logits[row] }
        }
        Softmax.fold(sums.span, bias: bias, into: &vote, by: .add, scratch: &scratch)
      } else {
        let isMean = reduction == .meanOfProbabilities
        for query in queries {
          Softmax.fold(
            lane.column(0, entry: first + query), bias: bias, into: &vote, by: isMean ? .add : .max,
            times: isMean ? 1 / Float(queries.count) : 1, scratch: &scratch)
        }
      }
      for row in 0..<lane.count {
        score[row] = fusion == .sum ? score[row] + vote[row] : max(score[row], vote[row])
      }
    }
  }
}

extension [Float] {
  /// Makes the array `count` zeros, keeping its memory.
  fileprivate mutating func reset(to count: Int) {
    removeAll(keepingCapacity: true)
    append(contentsOf: repeatElement(0, count: count))
  }
}

extension CachePlan {
  /// The rows of a lane that survive the plan, which has at most one edit, an edit of this lane.
  fileprivate func survivors(of lane: borrowing LaneView) -> [Int] {
    guard let edit = edits.first else { return Array(0..<lane.count) }
    switch edit {
    case .keep(_, let list):
      let rows = rows(list)
      return rows.indices.map { Int(rows[$0]) }
    case .drop(_, let list):
      let dropped = rows(list)
      let gone = Set(dropped.indices.map { Int(dropped[$0]) })
      return (0..<lane.count).filter { !gone.contains($0) }
    case .attend, .place: return Array(0..<lane.count)
    }
  }
}
