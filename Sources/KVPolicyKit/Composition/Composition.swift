/// What a composed policy is made of: a score says what rows are worth, a budget how many stay, a
/// unit what stays together, a protection what stays in any case, and a cadence when.
public struct Composition: Sendable {
  /// What rows are worth.
  public private(set) var score: any RowScore
  /// How many rows each lane keeps.
  public let budget: any RowBudget
  /// What stays or goes together.
  public let unit: any RowUnit
  /// A second look at the scores; nil for none.
  public let refinement: CriticalRefinement?
  /// How much stays.
  public let extent: Extent
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
  /// The layer that chose last, where the unit has other layers forget the same rows.
  private var leader: LeadingLayer?

  /// How much stays in a lane, in the mean of the lanes, protected rows included.
  public enum Extent: Hashable, Sendable {
    /// So much of the cache.
    case amount(Amount)
    /// All but this share of each chunk of the prompt, rounded down to rows. What an earlier
    /// decision left is not decided about again.
    case sparsity(Double)
  }

  /// Composes parts.
  ///
  /// - Throws: `PolicyError.impossible` if the parts do not fit each other.
  init(
    score: any RowScore, budget: any RowBudget, unit: any RowUnit,
    refinement: CriticalRefinement?, extent: Extent, protection: Protection, cadence: Cadence,
    positions: PositionRule,
    in settings: borrowing Settings
  ) throws(PolicyError) {
    self.score = score
    self.budget = budget
    self.unit = unit
    self.refinement = refinement
    self.extent = extent
    fixedBytes = score.stateBytes
    var cadence = cadence
    cadence.looks = score.looks
    self.cadence = cadence
    self.positions = positions
    self.protection = Protection(
      sinks: max(protection.sinks, score.protection.sinks),
      recent: max(protection.recent, score.protection.recent) + (score.probe?.rowsAtEnd ?? 0))
    if case .amount(.rows(let rows)) = extent, rows <= fixedRows {
      throw settings.impossible(
        "a capacity of \(rows) rows leaves none to choose: \(fixedRows) are protected; "
          + "raise it above \(fixedRows)")
    }
    if case .sparsity = extent, cadence.prompt != .everyChunk || cadence.asksInSteps {
      throw settings.impossible(
        "'sparsity' is a share of each chunk of the prompt; set \"when\" to \"everyChunk\"")
    }
    if score.judgesChunks && cadence.prompt != .everyChunk {
      throw settings.impossible(
        "its score, \(type(of: score).name), judges each chunk of the prompt by itself; set "
          + "\"when\" to \"everyChunk\"")
    }
    if score.judgesPromptOnly && cadence.asksInSteps {
      throw settings.impossible(
        "its score, \(type(of: score).name), looks at the prompt's queries, so that it cannot "
          + "choose while decoding; set \"when\" to \"afterPrompt\"")
    }
    if score.mayBeNegative, let part = refinement.map({ _ in "refine" }) ?? budget.multiplies {
      throw settings.impossible(
        "its score, \(type(of: score).name), can be negative, so that multiplying it, as "
          + "\"\(part)\" asks, would turn its order round; leave that out, or take another score")
    }
  }

  /// The signals of the score and of the refinement.
  var signals: Set<Signal> {
    refinement == nil ? score.signals : score.signals.union([.valueReach])
  }

  /// Rows of a lane that are protected while the lane has all of them. Rows of a probe are
  /// protected too, but take nothing of the capacity.
  private var fixedRows: Int {
    protection.sinks + protection.recent - (score.probe?.rowsAtEnd ?? 0)
  }

  /// Mean rows per lane that may stay of the rows that are decided about. An amount allows at least
  /// one row beside the protected ones.
  private func capacity(in cache: borrowing CacheView) -> Int {
    switch extent {
    case .sparsity(let share):
      return Int((1 - share) * Double(chunk(at: cache.moment)?.count ?? 0))
    case .amount(.rows(let rows)): return rows
    case .amount(.share(let share)):
      // Without a prompt there is nothing to take a share of.
      guard promptTokens > 0 else { return cache.length.tokens }
      return max(fixedRows + 1, Amount.rows(share: share, of: promptTokens))
    case .amount(.bytes(let bytes)):
      let rows = cache.cost.rows(
        in: bytes, columns: score.columns(for: cache.shape),
        state: cache.cost.state(fixedBytes, signals: score.signals))
      return max(fixedRows + 1, rows)
    }
  }

  /// - Throws: `PolicyError.impossible`, with the least legal figure, if the amount is in bytes and
  ///   they do not pay for a page in each lane, or leave no row to choose beside the protected ones.
  func check(_ cost: RowCost, of policy: String) throws(PolicyError) {
    guard case .amount(.bytes(let bytes)) = extent else { return }
    let columns = score.columns(for: cost.shape)
    let least = max(cost.pageRows, fixedRows + 1)
    let state = cost.state(fixedBytes, signals: score.signals)
    guard cost.rows(in: bytes, columns: columns, state: state) < least else { return }
    let leastBytes = cost.bytes(rows: least, columns: columns, state: state)
    throw .impossible(policy: policy, reason: cost.tooFew(bytes, least: leastBytes, rows: least))
  }

  mutating func prefill(_ layer: borrowing LayerView) {
    if case .chunk(let tokens, _) = layer.moment { promptTokens = tokens.upperBound }
    score.prefill(layer)
  }

  mutating func step(_ layer: borrowing LayerView) { score.step(layer) }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    let (capacity, chunk) = (capacity(in: cache), chunk(at: cache.moment))
    for layer in cache.layers {
      if let leader, leader.leads(layer, in: cache, group: unit.layers) {
        leader.forgetAgain(in: layer, of: cache, plan: &plan)
        continue
      }
      leader = nil
      let heads = 0..<cache.shape.keyHeads
      // Where no lane reaches the capacity, nothing has to go, whatever the budget.
      if chunk == nil,
        heads.allSatisfy({ cache.lane(layer: layer, head: $0).count < capacity })
      {
        continue
      }
      var lanes: [Candidates] = []
      for head in heads {
        let lane = cache.lane(layer: layer, head: head)
        var candidates = Candidates(lane, at: chunk, protection: protection, score: score)
        refinement?.refine(&candidates, lane, capacity: capacity)
        lanes.append(candidates)
      }
      let forgotten = choose(
        request(lanes, capacity: capacity, chunk: chunk, cache.shape), plan: &plan)
      leader = LeadingLayer(layer: layer, tokens: cache.length.tokens, forgotten: forgotten)
    }
  }

  /// The positions that are decided about; nil for all.
  private func chunk(at moment: Moment) -> Range<Int>? {
    guard case .sparsity = extent, case .chunk(let tokens, _) = moment else { return nil }
    return tokens
  }

  /// What there is to share among a layer's lanes. Rows of a probe add to the capacity.
  private func request(
    _ candidates: [Candidates], capacity: Int, chunk: Range<Int>?, _ shape: CacheShape
  ) -> BudgetRequest {
    let lanes = unit.isSharedByHeads ? Candidates.sharing(candidates) : candidates
    let ofChunk = chunk == nil ? nil : lanes.map(\.protected).max()
    let probe = lanes.first?.probe ?? 0
    return BudgetRequest(
      lanes: lanes, capacity: capacity + probe,
      protected: ofChunk ?? protection.sinks + protection.recent, shape: shape)
  }

  /// Writes into the plan which rows of a layer's lanes to drop.
  ///
  /// - Returns: for each lane the positions of these rows, if other layers repeat the choice.
  private func choose(_ request: BudgetRequest, plan: inout CachePlan) -> [Set<Int32>] {
    zip(request.lanes, budget.shares(request)).map { lane, share in
      let count = max(share, lane.least)
      guard count < lane.rows.count else { return [] }
      var stays = lane.scores.map { $0 == .infinity }
      for index in unit.choose(count, of: lane) { stays[index] = true }
      let goes = lane.rows.indices.lazy.filter { !stays[$0] }
      plan.drop(goes.map { lane.rows[$0] }, of: lane.lane)
      return unit.layers > 1 ? Set(goes.map { lane.positions[$0] }) : []
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
