import KVPolicyKit

/// Keeps the cache at a constant size: of the old tokens, those that the recent ones attend to.
///
/// Ghadia et al., "Dialogue Without Limits: Constant-Sized KV Caches for Extended Responses in LLMs",
/// ICML 2025; behaviour of ghadiaravi13/MorphKV. Before each step's output is computed, the `window`
/// tokens before the current one vote, with their attention over the older ("distant") tokens; the best
/// `capacity − window` stay, beside the window and the current token: `capacity + 1` rows.
///
/// Their votes are a column, so they stay with their rows by construction; the official Llama
/// code keeps them in an array of its own, which comes apart from the cache under grouped-query attention.
public struct MorphKV: KVCachePolicy {
  /// The name in configurations.
  public static let name = "morphkv"
  /// What it keeps.
  public static let summary = "keeps a constant number: what the recent tokens attend to, and those"
  /// Where it comes from.
  public static let source = "Ghadia et al., ICML 2025; ghadiaravi13/MorphKV"

  let options: MorphKVOptions
  /// Per layer: how many queries were recorded in its ring.
  private var recorded: [Int] = []
  /// Queries that vote, once a prompt shorter than the window has fixed it.
  private var voterLimit = Int.max
  private var voting = MorphKVVoting()
  /// Queries that the ring goes round: no more than will ever vote at a time, and the silent one.
  private var ringLength = 0
  /// Counts that make the usual step cheap; none where the settings do not allow them.
  package private(set) var running: RunningVotes?
  /// Whether every decision is made by counting all votes, as where running counts are not allowed: the
  /// oracle of those, which decide the same.
  package var countsPlainly = false
  /// Logits summed over a group, where the setting `gqa` asks for them; kept for its memory.
  private var sums: [Float] = []

  /// Reads its settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    options = try MorphKVOptions(&settings)
  }

  /// The budget is the capacity; the window shrinks to a quarter of it if need be. The prompt is pruned
  /// when it ends, as by the other policies, so that the budget holds from there on.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = budget.rows
    guard rows >= 8 else {
      throw .impossible(policy: name, reason: "a budget of \(rows) is too small; use 8 or more")
    }
    return [
      "capacity": .number(Double(rows)), "window": .number(Double(min(32, rows / 4))),
      "prunePrompt": "atPrefillEnd",
    ]
  }

  /// The votes of the prompt's last queries, and of every new one.
  public var signals: Set<Signal> {
    let always: Set<Signal> = [.promptRows(options.voters), .stepProbabilities]
    return options.reduction == .sumOfLogits ? always.union([.stepLogits]) : always
  }

  /// A ring of votes: for each remembered query, one entry per query head of the group. Where running
  /// counts are kept, their bounds too.
  public func columns(for shape: CacheShape) -> [Column] {
    guard usesRunningVotes(shape) else {
      return [
        .ring("votes", width: options.ringLength * options.entriesPerVoter(group: shape.group))
      ]
    }
    return [
      .votes("votes", voters: options.ringLength, heads: shape.group),
      RunningVotes.bounds(options.fusion == .sum ? .add : .max),
    ]
  }

  /// Every step; at the prompt's end if the prompt is pruned.
  public var cadence: Cadence {
    Cadence(prompt: options.prunePrompt == .atPrefillEnd ? .atEnd : .never, every: 1)
  }
  /// The output is computed from the survivors.
  public var phase: Phase { options.phase }
  /// Scratch and counters.
  public var stateBytes: Int {
    recorded.count * 8 + sums.count * 4 + voting.bytes + (running?.bytes ?? 0)
  }

  /// Records the votes of the prompt's last queries.
  public mutating func prefill(_ layer: borrowing LayerView) {
    guard case .chunk(_, isLast: true) = layer.moment else { return }
    let queries = layer.lane(0).promptRowCount
    if options.rows == .windowMinusOne, options.shortPrompt == .official, layer.length.tokens > 1 {
      voterLimit = min(voterLimit, min(options.window, layer.length.tokens) - 1)
    }
    prepare(layer.shape)
    for index in 0..<queries {
      record(layer, horizon: layer.length.tokens - options.window, promptRow: index)
    }
  }

  /// Records the vote of the new token. It counts from the next step on, whose row to drop is found now
  /// where running counts are kept and the lane is full.
  public mutating func step(_ layer: borrowing LayerView) {
    prepare(layer.shape)
    let horizon = layer.length.tokens - options.window
    let number = recorded[layer.layer]
    guard usesRunningVotes(layer.shape), number + 1 >= ringLength else {
      return record(layer, horizon: horizon, promptRow: nil)
    }
    recorded[layer.layer] += 1
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      if lane.count == options.capacity + 1 {
        prepareCounts(layer.shape, rows: lane.count + 1)
        running?.record(lane, slot: number % ringLength, horizon: Int32(horizon))
      } else {
        record(lane, number: number, horizon: horizon, promptRow: nil)
      }
    }
  }

  /// Records one query's vote in every lane of a layer.
  private mutating func record(_ layer: borrowing LayerView, horizon: Int, promptRow: Int?) {
    for head in 0..<layer.shape.keyHeads {
      record(
        layer.lane(head), number: recorded[layer.layer], horizon: horizon, promptRow: promptRow)
    }
    recorded[layer.layer] += 1
  }

  /// Records one query's vote in a lane: its heads' own, their sum, or both.
  private mutating func record(_ lane: LaneView, number: Int, horizon: Int, promptRow: Int?) {
    let entries = options.entriesPerVoter(group: lane.group)
    let first = number % ringLength * entries
    for query in 0..<lane.group where entries >= lane.group {
      if let promptRow {
        lane.remember(
          lane.promptRow(promptRow, query), column: 0, entry: first + query,
          horizon: Int32(horizon))
      } else {
        lane.remember(probabilities: lane.probabilities(query), column: 0, entry: first + query)
      }
    }
    guard options.sumsLogits(group: lane.group) else { return }
    sums.removeAll(keepingCapacity: true)
    sums.append(contentsOf: repeatElement(0, count: lane.count))
    for query in 0..<lane.group {
      let logits = lane.vote(of: query, promptRow)
      for row in 0..<logits.count { sums[row] += logits[row] }
    }
    lane.remember(sums.span, column: 0, entry: first + entries - 1, horizon: Int32(horizon))
  }

  /// Drops the distant tokens with the fewest votes, down to `capacity − window` of them.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    var isStep = false
    if case .step = cache.moment { isStep = true }
    prepare(cache.shape)
    // During a step the current token stands beside the window and has not been asked.
    let nearest = options.window + (isStep ? 1 : 0)
    let trigger = max(options.capacity + nearest - options.window + 1, options.burstTrigger)
    for layer in cache.layers {
      let voters = self.voters(layer: layer, isStep: isStep)
      let runs = isStep && usesRunningVotes(cache.shape)
      for head in 0..<cache.shape.keyHeads {
        let lane = cache.lane(layer: layer, head: head)
        guard lane.count >= (isStep ? trigger : options.capacity + 1) else { continue }
        if runs, lane.count == options.capacity + 2 {
          drop(of: lane, shape: cache.shape, voters: voters, plan: &plan)
        } else {
          voting.choose(lane, options: options, nearest: nearest, voters: voters, plan: &plan)
        }
      }
    }
  }

  /// Drops the row with the fewest votes in the steady state: as one row came, one goes.
  private mutating func drop(
    of lane: borrowing LaneView, shape: CacheShape, voters: VoterRing, plan: inout CachePlan
  ) {
    if let row = running?.least(lane) { return plan.drop(row, of: lane.id) }
    let horizon = Int32(lane.length.tokens - options.window - 1)
    let row = voting.least(of: lane, options: options, horizon: horizon, voters: voters)
    guard let row else { return }
    plan.drop(row, of: lane.id)
    running?.drop(row, of: lane)
  }

  /// Before the first query is recorded, when it is known how many will vote at a time.
  private mutating func prepare(_ shape: CacheShape) {
    guard recorded.isEmpty else { return }
    recorded = Array(repeating: 0, count: shape.layers)
    ringLength = min(options.voters, voterLimit) + options.silent
  }

  /// When a lane is full for the first time: before, nobody knows whether one ever will be.
  private mutating func prepareCounts(_ shape: CacheShape, rows: Int) {
    voting.reserve(rows: rows, group: shape.group)
    guard running == nil else { return }
    running = RunningVotes(
      votes: 0, bounds: 1, voters: ringLength, fusion: options.fusion == .sum ? .add : .max,
      shape: shape)
  }

  private func usesRunningVotes(_ shape: CacheShape) -> Bool {
    !countsPlainly && options.allowsRunningVotes(group: shape.group)
  }

  /// The queries that vote.
  private func voters(layer: Int, isStep: Bool) -> VoterRing {
    let newest = recorded[layer] - (isStep ? options.silent : 0)
    let count = min(options.voters, min(voterLimit, newest))
    return VoterRing(numbers: newest - count..<newest, length: ringLength)
  }
}

extension LaneView {
  /// The logits of a query head: of a prompt query, or of the new token.
  @_lifetime(borrow self)
  fileprivate func vote(of head: Int, _ promptRow: Int?) -> Span<Float> {
    if let promptRow { self.promptRow(promptRow, head) } else { logits(head) }
  }
}
