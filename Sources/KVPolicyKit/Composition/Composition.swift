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
  /// Mean rows per lane, the protected rows included.
  public let capacity: Int
  /// Rows that always stay: the rows that the settings protect, and the rows that the score cannot
  /// judge.
  public let protection: Protection
  /// When rows are forgotten.
  public let cadence: Cadence
  /// At which position a key is rotated when it is read.
  public let positions: PositionRule

  /// Composes parts.
  ///
  /// - Throws: `PolicyError.impossible` if the parts do not fit each other.
  init(
    score: any RowScore, budget: any RowBudget, unit: any RowUnit,
    refinement: CriticalRefinement?, capacity: Int, protection: Protection, cadence: Cadence,
    positions: PositionRule,
    in settings: borrowing Settings
  ) throws(PolicyError) {
    self.score = score
    self.budget = budget
    self.unit = unit
    self.refinement = refinement
    self.capacity = capacity
    var cadence = cadence
    cadence.looks = score.looks
    self.cadence = cadence
    self.positions = positions
    self.protection = Protection(
      sinks: max(protection.sinks, score.protection.sinks),
      recent: max(protection.recent, score.protection.recent))
    let fixed = self.protection.sinks + self.protection.recent
    guard capacity > fixed else {
      throw settings.impossible(
        "a capacity of \(capacity) rows leaves none to choose: \(fixed) are protected; "
          + "raise it above \(fixed)")
    }
    if score.judgesPromptOnly && cadence.asksInSteps {
      throw settings.impossible(
        "its score, \(type(of: score).name), looks at the prompt's queries, so that it cannot "
          + "choose while decoding; set \"when\" to \"afterPrompt\"")
    }
    if refinement != nil && score.mayBeNegative {
      throw settings.impossible(
        "its score, \(type(of: score).name), can be negative, so that multiplying it by a length "
          + "would turn its order round; leave \"refine\" out, or take another score")
    }
  }

  /// The signals of the score and of the refinement.
  var signals: Set<Signal> {
    refinement == nil ? score.signals : score.signals.union([.valueReach])
  }

  mutating func prefill(_ layer: borrowing LayerView) { score.prefill(layer) }

  mutating func step(_ layer: borrowing LayerView) { score.step(layer) }

  func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    for layer in cache.layers {
      let heads = 0..<cache.shape.keyHeads
      // Where no lane reaches the capacity, nothing has to go, whatever the budget.
      guard heads.contains(where: { cache.lane(layer: layer, head: $0).count >= capacity }) else {
        continue
      }
      var lanes: [Candidates] = []
      for head in heads {
        let lane = cache.lane(layer: layer, head: head)
        var candidates = Candidates(lane, protection: protection, score: score)
        refinement?.refine(&candidates, lane, capacity: capacity)
        lanes.append(candidates)
      }
      choose(lanes, shape: cache.shape, plan: &plan)
    }
  }

  /// Writes into the plan which rows of a layer's lanes to drop.
  private func choose(_ candidates: [Candidates], shape: CacheShape, plan: inout CachePlan) {
    let lanes = unit.isSharedByHeads ? Candidates.sharing(candidates) : candidates
    let shares = budget.shares(
      BudgetRequest(
        lanes: lanes, capacity: capacity, protected: protection.sinks + protection.recent,
        shape: shape))
    for (lane, share) in zip(lanes, shares) {
      let count = max(share, lane.protected)
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
