/// What a composed policy is made of: a score says what rows are worth, a budget how many stay, a
/// unit what stays together, a protection what stays in any case, and a cadence when.
public struct Composition: Sendable {
  /// What rows are worth.
  public private(set) var score: any RowScore
  /// How many rows each lane keeps.
  public let budget: any RowBudget
  /// What stays or goes together.
  public let unit: any RowUnit
  /// How many rows the lanes keep, the protected rows included.
  public let amount: Amount
  /// Instead of the amount: the share of each chunk of the prompt that goes, rounded up to rows. What
  /// an earlier decision left is not decided about again.
  public let sparsity: Double?
  /// Rows that always stay: the rows that the settings protect, and the rows that the score cannot
  /// judge.
  public let protection: Protection
  /// When rows are forgotten.
  public let cadence: Cadence
  /// At which position a key is rotated when it is read.
  public let positions: PositionRule
  /// Bytes of the score's state when it was made.
  private let fixedBytes: Int
  /// Tokens read when the prompt, or its last chunk so far, ended; 0 before it.
  private var promptTokens = 0

  /// Composes parts.
  ///
  /// - Throws: `PolicyError.impossible` if the parts do not fit each other.
  init(
    score: any RowScore, budget: any RowBudget, unit: any RowUnit, amount: Amount,
    sparsity: Double?,
    protection: Protection, cadence: Cadence, positions: PositionRule,
    in settings: borrowing Settings
  ) throws(PolicyError) {
    self.score = score
    self.budget = budget
    self.unit = unit
    self.amount = amount
    self.sparsity = sparsity
    fixedBytes = score.stateBytes
    var cadence = cadence
    cadence.looks = score.looks
    self.cadence = cadence
    self.positions = positions
    self.protection = Protection(
      sinks: max(protection.sinks, score.protection.sinks),
      recent: max(protection.recent, score.protection.recent) + (score.probe?.rowsAtEnd ?? 0))
    if case .rows(let rows) = amount, sparsity == nil, rows <= fixedRows {
      throw settings.impossible(
        "a capacity of \(rows) rows leaves none to choose: \(fixedRows) are protected; "
          + "raise it above \(fixedRows)")
    }
    if sparsity != nil, cadence.prompt != .everyChunk || cadence.every > 0 {
      throw settings.impossible(
        "'sparsity' is a share of each chunk of the prompt; set \"when\" to \"everyChunk\"")
    }
    if score.judgesChunks && cadence.prompt != .everyChunk {
      throw settings.impossible(
        "its score, \(type(of: score).name), judges each chunk of the prompt by itself; set "
          + "\"when\" to \"everyChunk\"")
    }
    if score.judgesPromptOnly && cadence.every > 0 {
      throw settings.impossible(
        "its score, \(type(of: score).name), looks at the prompt's queries, so that it cannot "
          + "choose while decoding; set \"when\" to \"afterPrompt\"")
    }
  }

  /// Rows of a lane that are protected while the lane has all of them. Rows of a probe are not in a
  /// lane.
  private var fixedRows: Int {
    protection.sinks + protection.recent - (score.probe?.rowsAtEnd ?? 0)
  }

  /// Mean rows per lane that the amount allows in a cache, at least one beside the protected rows.
  private func capacity(in cache: borrowing CacheView) -> Int {
    if let sparsity { return Int((1 - sparsity) * Double(cache.moment.tokens)) }
    switch amount {
    case .rows(let rows): return rows
    case .share(let share):
      // Without a prompt there is nothing to take a share of.
      guard promptTokens > 0 else { return cache.length.tokens }
      return max(fixedRows + 1, Amount.rows(share: share, of: promptTokens))
    case .bytes(let bytes):
      let rows = cache.cost.rows(
        in: bytes, columns: score.columns(for: cache.shape), state: fixedBytes)
      return max(fixedRows + 1, rows)
    }
  }

  /// - Throws: `PolicyError.impossible`, with the least legal figure, if the amount is in bytes and
  ///   they do not pay for a page in each lane, or leave no row to choose beside the protected ones.
  func check(_ cost: RowCost, of policy: String) throws(PolicyError) {
    guard case .bytes(let bytes) = amount else { return }
    let columns = score.columns(for: cost.shape)
    let least = max(cost.pageRows, fixedRows + 1)
    guard cost.rows(in: bytes, columns: columns, state: fixedBytes) < least else { return }
    let leastBytes = cost.bytes(rows: least, columns: columns, state: fixedBytes)
    throw .impossible(policy: policy, reason: cost.tooFew(bytes, least: leastBytes, rows: least))
  }

  mutating func prefill(_ layer: borrowing LayerView) {
    promptTokens = layer.length.tokens - layer.signals.probeRowCount
    score.prefill(layer)
  }

  mutating func step(_ layer: borrowing LayerView) { score.step(layer) }

  func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    let (capacity, chunk) = (capacity(in: cache), chunk(at: cache.moment))
    for layer in cache.layers {
      let heads = 0..<cache.shape.keyHeads
      // Where no lane reaches the capacity, nothing has to go, whatever the budget.
      let isBelow = heads.allSatisfy { cache.lane(layer: layer, head: $0).count < capacity }
      if sparsity == nil && isBelow { continue }
      var lanes: [Candidates] = []
      for head in heads {
        let lane = cache.lane(layer: layer, head: head)
        lanes.append(Candidates(lane, at: chunk, protection: protection, score: score))
      }
      choose(request(lanes, capacity: capacity, cache.shape), plan: &plan)
    }
  }

  /// The positions that are decided about; nil for all.
  private func chunk(at moment: Moment) -> Range<Int>? {
    guard sparsity != nil, case .chunk(let tokens, _) = moment else { return nil }
    return tokens
  }

  /// What there is to share among a layer's lanes. Rows of a probe add to the capacity.
  private func request(
    _ candidates: [Candidates], capacity: Int, _ shape: CacheShape
  ) -> BudgetRequest {
    let lanes = unit.isSharedByHeads ? Candidates.sharing(candidates) : candidates
    // A chunk need not hold all of the protected rows.
    let protected =
      sparsity == nil
      ? protection.sinks + protection.recent : lanes.map(\.protected).max() ?? 0
    return BudgetRequest(
      lanes: lanes, capacity: capacity + (lanes.first?.probe ?? 0), protected: protected,
      shape: shape)
  }

  /// Writes into the plan which rows of a layer's lanes to drop.
  private func choose(_ request: BudgetRequest, plan: inout CachePlan) {
    for (lane, share) in zip(request.lanes, budget.shares(request)) {
      let count = max(share, lane.least)
      guard count < lane.rows.count else { continue }
      var stays = lane.scores.map { $0 == .infinity }
      for index in unit.choose(count, of: lane) { stays[index] = true }
      plan.drop(lane.rows.indices.lazy.filter { !stays[$0] }.map { lane.rows[$0] }, of: lane.lane)
    }
  }
}

extension Candidates {
  /// The lanes of a layer. A row's score is the sum of the scores that all lanes give its position.
  static func sharing(_ lanes: [Candidates]) -> [Candidates] {
    var sums: [Int32: Float] = [:]
    for lane in lanes {
      for (position, score) in zip(lane.positions, lane.scores) {
        sums[position, default: 0] += score
      }
    }
    return lanes.map { lane in
      var shared = lane
      for index in lane.rows.indices where lane.scores[index] != .infinity {
        shared.scores[index] = min(sums[lane.positions[index]] ?? 0, .greatestFiniteMagnitude)
      }
      return shared
    }
  }
}
