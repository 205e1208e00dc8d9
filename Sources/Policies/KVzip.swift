import KVPolicyKit

/// Keeps what a model attends to when it repeats the prompt; all lanes of all layers compete.
///
/// Kim et al., "KVzip: Query-Agnostic KV Cache Compression with Context Reconstruction", 2025;
/// behaviour of NVIDIA/kvpress `KVzipPress`. When the prompt ends, its tokens are read once more in
/// chunks, each after an instruction to repeat it. The score of a row is the largest attention that
/// it gets, whatever will be asked later.
public struct KVzip: KVCachePolicy {
  /// The name in configurations.
  public static let name = "kvzip"
  /// What the policy keeps.
  public static let summary = "keeps what repeating the prompt attends to; all lanes compete"
  /// Where the method was published.
  public static let source = "Kim et al., 2025 (arXiv 2505.23416); NVIDIA/kvpress KVzipPress"

  /// Which lanes compete.
  public enum Competition: String, CaseIterable, Sendable {
    /// All lanes of all layers.
    case global
    /// The lanes of a layer.
    case layer
  }

  /// What attention is multiplied by.
  public enum Normalization: String, CaseIterable, Sendable {
    /// Nothing.
    case none
    /// How far the row's value moves the residual stream, over the length of the layer's input at
    /// the query (KVzip+).
    case plus
  }

  let capacity: Int
  let ratio: Double
  let sinks: Int
  let repetition: PromptRepetition
  let competition: Competition
  let normalization: Normalization
  /// Tokens read when the last cut was made; rows before are left alone.
  private var end = 0

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer(
      "capacity", default: 0, atLeast: 0, "mean rows kept in a lane; 0 for a share of the prompt")
    ratio = try settings.number(
      "ratio", default: 0.5, in: 0...1, "share of the prompt's rows that goes")
    sinks = try settings.integer(
      "sinks", default: 4, atLeast: 0, "first tokens that every chunk's attention is shared with")
    repetition = PromptRepetition(
      opening: try settings.tokens("repeatTokens", "the instruction before the first chunk"),
      continuation: try settings.tokens("continueTokens", "the instruction before later chunks"),
      suffix: try settings.tokens("suffixTokens", "tokens between an instruction and its chunk"),
      prefix: try settings.integer(
        "prefix", default: 0, atLeast: 0, "first tokens, of a chat template, that are not repeated"),
      overlap: try settings.integer(
        "overlap", default: 8, atLeast: 0, "tokens of the chunk before, after continueTokens"),
      chunk: try settings.integer(
        "chunk", default: 2048, atLeast: 1, "tokens repeated at a time"))
    competition = try settings.choice("scope", default: .global, "which lanes compete")
    normalization = try settings.choice(
      "normalization", default: .none, "whether attention counts how far values move the output")
  }

  /// The budget is the capacity: the mean over the lanes, when the prompt ends.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    ["capacity": .integer(try budget.rows(atLeast: 1, for: name))]
  }

  /// The attention of the repeated prompt.
  public var signals: Set<Signal> {
    normalization == .none ? [.promptRows(1)] : [.promptRows(1), .valueReach, .layerInput()]
  }
  /// The largest attention that a row got; ∞ for a row that was not repeated.
  public func columns(for shape: CacheShape) -> [Column] { [.scalar("score", initial: .infinity)] }
  /// Once, when the prompt ends.
  public var cadence: Cadence { .afterPrompt }
  /// Layers compete.
  public var scope: Scope { .sequence }
  /// The prompt again.
  public var probe: Probe? { .promptAgain(repetition) }

  /// Notes the scores of the rows that the probe repeats.
  public mutating func prefill(_ layer: borrowing LayerView) {
    layer.forEachLane { lane in
      if !lane.repeatedPositions.isEmpty { score(lane) }
    }
  }

  /// The softmax runs over the first rows, the rows that are repeated, and the probe.
  private func score(_ lane: borrowing LaneView) {
    let (repeated, positions) = (lane.repeatedPositions, lane.positions)
    let first = min(sinks, repeated.lowerBound)
    var bias = [Float](repeating: 0, count: lane.count + lane.probeRowCount)
    for row in 0..<lane.count {
      let position = Int(positions[row])
      if position >= first && !repeated.contains(position) { bias[row] = -.infinity }
    }
    var most = Array(repeating: [Float](repeating: 0, count: bias.count), count: lane.group)
    var scratch: [Float] = []
    lane.forEachPromptRow { row in
      let share = normalization == .none ? 1 : 1 / length(lane.layerInput(row.index))
      for head in 0..<lane.group {
        Softmax.fold(
          row.logitsWithProbe(head), bias: bias, into: &most[head], by: .max, times: share,
          scratch: &scratch)
      }
    }
    let rows = (0..<lane.count).filter { repeated.contains(Int(positions[$0])) }
    var votes = most.map { most in rows.map { most[$0] } }
    if normalization == .plus {
      let reach = lane.valueReach(of: rows, by: .euclidean)
      votes = zip(votes, reach).map { zip($0, $1).map { $0 * $1 } }
    }
    var scores = lane.mutableColumn(0)
    for (row, score) in zip(rows, GroupReduction.max(votes)) {
      scores[row] = min(score, .greatestFiniteMagnitude)
    }
  }

  private func length(_ vector: Span<Float>) -> Float {
    max(vector.dot(vector).squareRoot(), .leastNormalMagnitude)
  }

  /// Drops the rows of the lowest scores.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    switch competition {
    case .global: cut(cache, layers: cache.layers, &plan)
    case .layer: for layer in cache.layers { cut(cache, layers: [layer], &plan) }
    }
    end = cache.length.tokens
  }

  /// A row that may go.
  private struct Candidate {
    let score: Float
    let position: Int32
    let lane: Int
    let row: Int

    /// Of equal scores the lower position stays, then the row of the earlier lane.
    static func isWorse(_ one: Candidate, _ other: Candidate) -> Bool {
      (one.score, other.position, other.lane) < (other.score, one.position, one.lane)
    }
  }

  private func cut(_ cache: borrowing CacheView, layers: [Int], _ plan: inout CachePlan) {
    var (lanes, stored, prompt) = ([LaneID](), 0, 0)
    var candidates: [Candidate] = []
    for layer in layers {
      for head in 0..<cache.shape.keyHeads {
        let lane = cache.lane(layer: layer, head: head)
        let own = self.candidates(lane, lanes.count)
        lanes.append(lane.id)
        stored += lane.count
        prompt += own.count
        // Every lane keeps a row.
        candidates += own.sorted(by: Candidate.isWorse).dropLast(own.count == lane.count ? 1 : 0)
      }
    }
    let surplus =
      capacity > 0 ? stored - min(capacity, stored) * lanes.count : Int(Double(prompt) * ratio)
    guard surplus > 0 else { return }
    var dropped = Array(repeating: [Int](), count: lanes.count)
    for candidate in candidates.sorted(by: Candidate.isWorse).prefix(surplus) {
      dropped[candidate.lane].append(candidate.row)
    }
    for (lane, rows) in zip(lanes, dropped) { plan.drop(rows, of: lane) }
  }

  /// The rows of a lane that the prompt added. Of the prefix, only the sinks count.
  private func candidates(_ lane: borrowing LaneView, _ index: Int) -> [Candidate] {
    let (scores, positions) = (lane.column(0), lane.positions)
    var candidates: [Candidate] = []
    for row in 0..<lane.count where positions[row] >= end {
      let position = Int(positions[row])
      let score = position < repetition.prefix ? (position < sinks ? 1 : 0) : scores[row]
      guard score < .infinity else { continue }
      candidates.append(
        Candidate(score: score, position: positions[row], lane: index, row: row))
    }
    return candidates
  }
}
