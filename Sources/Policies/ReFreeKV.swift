import KVPolicyKit

/// Forgets as much as changes the attention of the prompt's last token by a given share: no budget
/// is set.
///
/// Ni et al., "ReFreeKV: Towards Threshold-Free KV Cache Compression" (DBudgetKV), 2025; behaviour
/// of Patrick-Ni/ReFreeKV. Tokens are evicted in a given order, the same number in every head of a
/// layer, while the mean over the query heads of √(Σ attention²) over the tokens that are left
/// loses at most the share `epsilon`.
public struct ReFreeKV: KVCachePolicy {
  /// The name in configurations.
  public static let name = "refreekv"
  /// What the policy keeps.
  public static let summary = "forgets what the prompt's last token hardly misses; no budget"
  /// Where the method was published.
  public static let source = "Ni et al., 2025 (arXiv 2502.16886); Patrick-Ni/ReFreeKV"

  /// The order in which tokens go.
  public enum Order: String, CaseIterable, Sendable {
    /// The oldest first.
    case position
    /// Those first that the last queries attend to least.
    case window
    /// As `window`, the attention pooled over neighbours.
    case pooledWindow
  }

  /// The query whose attention must not change.
  public enum EvidenceRow: String, CaseIterable, Sendable {
    /// The last of the prompt.
    case last
    /// The last before the window, as the official code has it with pooled windows.
    case beforeWindow
  }

  let order: Order
  let epsilon: Double
  let sinks: Int
  let window: Int
  let evidenceRow: EvidenceRow
  let fullLayers: Int
  let reduction: GroupReduction
  let kernel: Int
  let pool: Pooling

  /// What the share `epsilon` is a share of.
  private enum Measure: String, CaseIterable { case meanOfHeadNorms }
  private enum When: String, CaseIterable { case afterPrompt }

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    order = try settings.choice("order", default: .position, "which tokens go first")
    epsilon = try settings.number(
      "epsilon", default: 0.01, in: 0...1, "the share by which the measure may fall")
    sinks = try settings.integer("sinks", default: 4, atLeast: 0, "first tokens, which stay")
    window = try settings.integer(
      "window", default: 0, atLeast: 0, "last tokens: they stay, and vote on the order")
    evidenceRow = try settings.choice(
      "evidenceRow", default: .last, "the query whose attention is measured")
    _ = try settings.choice(
      "measure", default: Measure.meanOfHeadNorms, "what may fall by the share")
    fullLayers = try settings.integer(
      "fullLayers", default: 0, atLeast: 0, "first layers that keep everything")
    reduction = try settings.choice(
      "gqa", default: .mean, "how the query heads of a group order the tokens")
    kernel = try settings.kernel(default: 7, "width of the pooling of pooledWindow; odd")
    pool = try settings.choice("pool", default: .max, "how pooledWindow smooths")
    _ = try settings.choice("when", default: When.afterPrompt, "when to forget")
    guard order == .position || window > 0 else {
      throw settings.impossible(
        "the order \(order.rawValue) needs a window of at least 1 that votes")
    }
  }

  /// The policy takes no budget.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? { nil }

  /// The attention of the window's queries and of the evidence row.
  public var signals: Set<Signal> {
    [.promptRows(max(1, window) + (evidenceRow == .beforeWindow && window > 0 ? 1 : 0))]
  }
  /// Once, when the prompt ends.
  public var cadence: Cadence { .afterPrompt }
  /// The first tokens and the window.
  public var protection: Protection { Protection(sinks: sinks, recent: window) }

  /// Drops the same number of tokens in all lanes of a layer.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    for layer in cache.layers where layer >= fullLayers {
      var lanes: [(id: LaneID, order: [Int], squares: [[Float]])] = []
      for head in 0..<cache.shape.keyHeads {
        let lane = cache.lane(layer: layer, head: head)
        let (order, squares) = orderAndEvidence(lane)
        lanes.append((lane.id, order, squares))
      }
      let cut = ReFreeKV.cut(lanes.map { ($0.order, $0.squares) }, epsilon)
      for lane in lanes { plan.drop(lane.order.prefix(cut), of: lane.id) }
    }
  }

  /// The candidates, least important first, and for each query head the squared attention of the
  /// evidence row.
  private func orderAndEvidence(_ lane: borrowing LaneView) -> ([Int], [[Float]]) {
    let candidates = lane.rowsByPosition(outside: protection)
    let bias = [Float](repeating: 0, count: lane.count)
    var votes = Array(repeating: bias, count: lane.group)
    var (squares, index, scratch) = (votes, 0, [Float]())
    let rows = lane.promptRowCount
    let evidence = evidenceRow == .last ? rows - 1 : max(0, rows - 1 - window)
    lane.forEachPromptRow { row in
      for head in 0..<lane.group {
        if index >= rows - window {
          Softmax.fold(
            row.logits(head), bias: bias, into: &votes[head], by: .add, scratch: &scratch)
        }
        if index == evidence { squares[head] = Softmax.over(row.logits(head)).map { $0 * $0 } }
      }
      index += 1
    }
    guard order != .position else { return (candidates, squares) }
    let scores = reduction(
      votes.map { votes in
        let votes = candidates.map { votes[$0] }
        return order == .pooledWindow ? pool(votes, kernel: kernel) : votes
      })
    // Of equal scores the later position goes first, as everywhere.
    let ranked = candidates.indices.sorted { (scores[$0], $1) < (scores[$1], $0) }
    return (ranked.map { candidates[$0] }, squares)
  }

  /// The most tokens that can go from each lane, as far as the shortest lane allows, while the
  /// measure loses at most the share `epsilon`.
  static func cut(_ lanes: [(order: [Int], squares: [[Float]])], _ epsilon: Double) -> Int {
    let heads = lanes.flatMap { lane in lane.squares.map { (lane.order, $0) } }
    let steps = lanes.map(\.order.count).min() ?? 0
    guard steps > 0 else { return 0 }
    // The sum over the rows that are left, from the last row of the order back.
    let norms = heads.map { order, squares in
      var (sum, norms) = (Double(0), [Double](repeating: 0, count: order.count + 1))
      for index in order.indices.reversed() {
        sum += Double(squares[order[index]])
        norms[index] = sum.squareRoot()
      }
      return norms
    }
    func measure(_ dropped: Int) -> Double { norms.reduce(0) { $0 + $1[dropped] } }
    let all = measure(0)
    return (0...steps).last { all - measure($0) <= epsilon * all } ?? 0
  }
}
