import KVPolicyKit

/// Keeps what the last queries attend to and what is not a repetition, chosen every so many tokens.
///
/// Cai et al., "R-KV: Redundancy-aware KV Cache Compression for Reasoning Models", NeurIPS 2025;
/// behaviour of Zefan-Cai/R-KV. The cache grows from the capacity until it is cut again.
public struct RKV: ComposedPolicy {
  /// The name in configurations.
  public static let name = "rkv"
  /// What the policy keeps.
  public static let summary = "keeps what latest queries attend to and what is no repetition"
  /// Where the method was published.
  public static let source = RedundancyScore.source

  /// The score, and the parts that the settings name.
  public var composition: Composition

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    composition = try settings.composition(
      score: { settings throws(PolicyError) in try RedundancyScore(&settings) },
      cadence: { settings throws(PolicyError) in
        let cutsPrompt = try settings.flag(
          "compressPrompt", default: true, "whether to forget rows when the prompt ends")
        var cadence = try settings.cadence(
          "when", default: ["everyTotal": 128], "at which steps to forget, counted in tokens read")
        try settings.refuseChanges(["when.prompt"]) { name in
          "'\(name)' says again what 'compressPrompt' says; leave it out"
        }
        guard cadence.prompt != .everyChunk, cutsPrompt || cadence.asksInSteps else {
          throw settings.impossible(
            "it forgets when the prompt ends (\"compressPrompt\"), in decode steps (\"when\"), or "
              + "both; not after every chunk, and not never")
        }
        cadence.prompt = cutsPrompt ? .atEnd : .never
        return cadence
      })
  }

  /// The budget is the capacity, which the cache exceeds between two cuts.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = try budget.rows(atLeast: 2, for: name)
    return ["capacity": .integer(rows), "window": .integer(min(8, max(1, rows / 4)))]
  }
}

/// How much the last queries attend to a row, mixed with how little its key repeats other keys:
/// R-KV's score.
public struct RedundancyScore: RowScore {
  /// The name in configurations.
  public static let name = "redundancy"
  /// What the score prefers.
  public static let summary = "prefers what latest queries attend to and what is no repetition"
  /// Where the score was published.
  public static let source = "Cai et al., NeurIPS 2025; Zefan-Cai/R-KV"

  /// Of the rows that repeat each other, the row that does not count as a repetition.
  public enum Retained: String, CaseIterable, Sendable {
    /// The last row whose key is similar.
    case last
    /// The first row of all, as the published code has it.
    case first
  }

  /// The order in which rows are neighbours, and in which one of them is the last.
  public enum SlotOrder: String, CaseIterable, Sendable {
    /// The order of their scores when rows were last chosen, followed by the rows that came since.
    case score
    /// The order of the text.
    case chronological
  }

  let window: Int
  let kernel: Int
  let lambda: Float
  let threshold: Float
  let retained: Retained
  let order: SlotOrder

  /// Reads the score's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    window = try settings.integer(
      "window", default: 8, atLeast: 1, "last tokens: their queries are asked, and they always stay"
    )
    kernel = try settings.kernel(default: 7)
    lambda = Float(
      try settings.number("lambda", default: 0.07, in: 0...1, "the share of attention in the score")
    )
    threshold = Float(
      try settings.number(
        "similarityThreshold", default: 0.5, in: -1...1, "the cosine above which keys are similar"))
    retained = try settings.choice(
      "retain", default: .last, "which of similar rows does not count as a repetition")
    order = try settings.choice(
      "slotOrder", default: .score, "the order in which rows are neighbours")
  }

  /// The logits of the window's queries.
  public var signals: Set<Signal> { [.recentRows(window)] }
  /// The rank of a row when rows were last chosen, from 1; 0 for rows that came since.
  public func columns(for shape: CacheShape) -> [Column] {
    order == .score ? [.ring("slot", width: 1, of: .count)] : []
  }
  /// The window.
  public var protection: Protection { Protection(recent: window) }

  /// A difference, which can be negative.
  public var mayBeNegative: Bool { true }

  /// A quarter of the rows for the window, but at most eight.
  public static func settings(rows: Int) throws(PolicyError) -> [String: JSONValue] {
    try RKV.settings(budget: .rows(rows))?.filter { $0.key == "window" } ?? [:]
  }

  /// The mixture of attention and repetition.
  ///
  /// - Complexity: O(rows · headDimension) for attention and the sums of cosines. The search for
  ///   each row's last similar row is O(rows² · headDimension) if no keys are similar.
  public func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    let slots = slots(of: lane)
    let importance = importance(of: lane, slots.dropLast(min(window, slots.count)))
    let repetition = repetition(of: lane, slots)
    var scores = [Float](repeating: 0, count: lane.count)
    for (slot, row) in slots.enumerated() {
      let attention = slot < importance.count ? importance[slot] : 0
      scores[row] = lambda * attention - (1 - lambda) * repetition[slot]
    }
    if order == .score { remember(rows, scores, lane) }
    return rows.map { scores[$0] }
  }

  /// All rows in the order of their slots.
  private func slots(of lane: borrowing LaneView) -> [Int] {
    let rows = lane.rowsByPosition()
    guard order == .score else { return rows }
    let ranks = lane.counts(0)
    let ranked = rows.filter { ranks[$0] > 0 }.sorted { ranks[$0] < ranks[$1] }
    return ranked + rows.filter { ranks[$0] == 0 }
  }

  /// Notes the order of the scores: it is the order of the slots from now on.
  private func remember(_ rows: [Int], _ scores: [Float], _ lane: borrowing LaneView) {
    var ranks = lane.mutableCounts(0)
    for row in 0..<ranks.count { ranks[row] = 0 }
    let (positions, worth) = (lane.positions, scores.map { $0.isNaN ? -.infinity : $0 })
    let best = rows.sorted { (worth[$1], positions[$0]) < (worth[$0], positions[$1]) }
    for (rank, row) in best.enumerated() { ranks[row] = UInt32(rank + 1) }
  }

  /// The attention of the last queries to some rows: the softmax over them of the greatest logit of
  /// the group, averaged over the queries and pooled over neighbouring slots.
  private func importance(of lane: borrowing LaneView, _ slots: ArraySlice<Int>) -> [Float] {
    let bias = [Float](repeating: 0, count: slots.count)
    var (sums, scratch, queries) = (bias, [Float](), Float(0))
    lane.forEachRecentRow { query in
      var greatest = [Float](repeating: -.infinity, count: slots.count)
      for head in 0..<lane.group {
        let logits = query.logits(head)
        for (slot, row) in slots.enumerated() { greatest[slot] = max(greatest[slot], logits[row]) }
      }
      Softmax.fold(greatest.span, bias: bias, into: &sums, by: .add, scratch: &scratch)
      queries += 1
    }
    for slot in sums.indices where queries > 0 { sums[slot] /= queries }
    return Pooling.max(sums, kernel: kernel)
  }

  /// For each slot, the softmax of the mean cosine between its key and all keys. Of every row's
  /// cosines the one with the retained row does not count, nor the cosine with itself.
  private func repetition(of lane: borrowing LaneView, _ slots: [Int]) -> [Float] {
    let keys = UnitKeys(lane, slots)
    var sums = keys.cosinesWithAll()
    for slot in slots.indices {
      // Rows without a similar row point to the first slot, as in the published code.
      let other =
        retained == .first ? 0 : keys.lastSimilar(to: slot, above: threshold) ?? 0
      if other != slot { sums[other] -= keys.cosine(slot, other) }
    }
    for slot in sums.indices { sums[slot] /= Float(slots.count) }
    return Softmax.over(sums.span)
  }
}
