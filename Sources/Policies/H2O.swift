import KVPolicyKit

/// Keeps the recent tokens and the "heavy hitters": the tokens that received the most attention so
/// far.
///
/// Zhang et al., "H2O: Heavy-Hitter Oracle", NeurIPS 2023, §4; behaviour of FMInference/H2O
/// `utils_real_drop`, but each key head keeps one set of tokens, for which the scores of its query
/// heads are reduced to one score. Keeping an `average` instead of a sum removes the advantage of
/// early tokens, which more queries have seen (NVIDIA/kvpress `ObservedAttentionPress`).
///
/// The variant `morphkv` is the rule that ghadiaravi13/MorphKV implements under this name, to
/// compare with (`patch_llama.py`).
public struct H2O: KVCachePolicy {
  /// The name in configurations.
  public static let name = "h2o"
  /// What the policy keeps.
  public static let summary = "keeps the tokens with the most attention so far, and the recent ones"
  /// Where the method was published.
  public static let source = "Zhang et al., NeurIPS 2023; FMInference/H2O"

  /// The divisor of the attention that a token received.
  public enum Score: String, CaseIterable, Sendable {
    /// No divisor.
    case sum
    /// The number of queries that could see the token.
    case average
  }

  /// Whose H2O: two repositories have rules of this name.
  enum Variant: String, CaseIterable {
    /// FMInference/H2O.
    case official
    /// ghadiaravi13/MorphKV. The last queries of a prompt count, with a softmax that includes later
    /// rows; nothing is forgotten before the first decode step; a step forgets before its output.
    case morphkv
  }

  let heavy: Int
  let recent: Int
  let score: Score
  let reduction: GroupReduction
  let keyPositions: KeyPositions
  let when: Timing
  /// The prompt's last queries under variant `morphkv`; else nil.
  private var lastQueries: LastPromptQueries?
  /// Scores of one lane, if the column does not hold them directly; kept for their memory.
  private var scores: [Float] = []

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    heavy = try settings.integer(
      "heavy", default: 1024, atLeast: 0, "tokens kept for the attention they received")
    recent = try settings.integer("recent", default: 1024, atLeast: 0, "most recent tokens kept")
    score = try settings.choice(
      "score", default: .sum, "attention summed, or per query that saw it")
    reduction = try settings.choice(
      "gqa", default: .mean, "how the query heads of a group become one score")
    keyPositions = try settings.choice(
      "positions", default: .original,
      "rotate keys at their index in the text, or rank in the cache")
    when = try settings.choice("when", default: .everyStep, "when to forget")
    let variant: Variant = try settings.choice(
      "variant", default: .official, "the authors' H2O, or the baseline of MorphKV's repository")
    guard heavy + recent > 0 else { throw settings.impossible("heavy + recent must be at least 1") }
    guard variant == .morphkv else { return }
    try settings.refuseChanges(["score", "positions", "when"]) {
      "'\($0)' belongs to \"variant\": \"official\", and the other variant knows only its default"
    }
    lastQueries = LastPromptQueries(limit: heavy + recent - 1)
  }

  /// Half of the budget for heavy tokens, half for recent tokens.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = try budget.rows(atLeast: 2, for: name)
    return ["heavy": .number(Double(rows - rows / 2)), "recent": .number(Double(rows / 2))]
  }

  /// The attention that every token receives, or the queries to compute it from.
  public var signals: Set<Signal> {
    if lastQueries != nil { return [.queries(.atPosition), .stepProbabilities] }
    return when == .everyStep ? [.promptColumnSums, .stepProbabilities] : [.promptColumnSums]
  }

  /// The attention received so far; one entry per query head if `gqa` is `max`, else one in all.
  public func columns(for shape: CacheShape) -> [Column] {
    [.ring("attention", width: reduction == .max ? shape.group : 1)]
  }

  /// As the setting `when` says; under variant `morphkv` in every step, and never in a prompt.
  public var cadence: Cadence {
    lastQueries == nil ? when.cadence : Cadence(prompt: .never, every: 1)
  }
  /// After the output, which still uses the rows that go; under variant `morphkv` before it.
  public var phase: Phase { lastQueries == nil ? .afterOutput : .beforeOutput }
  /// As the setting `positions` says.
  public var positions: PositionRule { keyPositions.rule }

  /// The recent tokens.
  public var protection: Protection { Protection(recent: recent) }
  /// Bytes of the scores of one lane, and of a prompt's last queries while it is read.
  public var stateBytes: Int { scores.count * 4 + (lastQueries?.bytes ?? 0) }

  /// Adds the attention of the chunk's queries; under variant `morphkv`, when the prompt ends, of
  /// the prompt's last queries.
  public mutating func prefill(_ layer: borrowing LayerView) {
    guard lastQueries == nil else { return prefillLast(layer) }
    layer.forEachLane { lane in
      for query in 0..<lane.group { add(lane.promptColumnSums(query), query, to: lane) }
    }
  }

  /// Keeps the chunk's queries and, when the prompt ends, adds the attention of the last ones.
  private mutating func prefillLast(_ layer: borrowing LayerView) {
    lastQueries?.add(layer)
    guard case .chunk(_, isLast: true) = layer.moment, let queries = lastQueries else { return }
    layer.forEachLane { lane in
      for query in 0..<lane.group {
        add(queries.attention(of: query, to: lane, layer.shape).span, query, to: lane)
      }
    }
    lastQueries?.remove(layer: layer.layer)
  }

  /// Adds the attention of the new token; under variant `morphkv` only in lanes that are full.
  public mutating func step(_ layer: borrowing LayerView) {
    guard when == .everyStep else { return }
    layer.forEachLane { lane in
      guard lastQueries == nil || lane.count >= heavy + recent else { return }
      for query in 0..<lane.group { add(lane.probabilities(query), query, to: lane) }
    }
  }

  private func add(_ attention: Span<Float>, _ query: Int, to lane: borrowing LaneView) {
    var total = lane.mutableColumn(0, entry: reduction == .max ? query : 0)
    let share: Float = reduction == .mean ? 1 / Float(lane.group) : 1
    for row in 0..<total.count { total[row] += attention[row] * share }
  }

  /// Keeps the recent tokens and, of the tokens before them, the `heavy` with the best scores.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    cache.forEachLane { lane in
      guard lane.count > heavy + recent else { return }
      if reduction != .max && score == .sum {
        plan.keepBest(heavy, of: lane, by: lane.column(0), protecting: protection)
      } else {
        scores.removeAll(keepingCapacity: true)
        for row in 0..<lane.count { scores.append(value(lane, row)) }
        plan.keepBest(heavy, of: lane, by: scores.span, protecting: protection)
      }
    }
  }

  /// A row's score.
  private func value(_ lane: borrowing LaneView, _ row: Int) -> Float {
    var total = lane.column(0)[row]
    if reduction == .max {
      for query in 1..<max(1, lane.group) { total = max(total, lane.column(0, entry: query)[row]) }
    }
    guard score == .average else { return total }
    return total / Float(lane.length.tokens - Int(lane.positions[row]))
  }
}
