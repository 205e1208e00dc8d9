import KVPolicyKit

/// Keeps the tokens that the newest query attends to most, one set for all heads of a layer.
///
/// Oren et al., "Transformers are Multi-State RNNs", 2024; behaviour of schwartz-lab-NLP/TOVA. The
/// newest token may be dropped too, unless `protectNewest` is set; NVIDIA/kvpress protects it.
public struct TOVA: KVCachePolicy {
  /// The name in configurations.
  public static let name = "tova"
  /// What the policy keeps.
  public static let summary = "keeps the tokens that the newest query attends to most"
  /// Where the method was published.
  public static let source = "Oren et al., 2024; schwartz-lab-NLP/TOVA"

  let capacity: Int
  let protectNewest: Bool
  let when: Timing
  /// For each token, the attention that the newest query pays to it; kept for its memory.
  private var attention: [Float] = []
  private var lanesAgree = true

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer("capacity", default: 1024, atLeast: 1, "tokens kept")
    protectNewest = try settings.flag(
      "protectNewest", default: false, "whether the newest token always stays")
    when = try settings.choice("when", default: .everyStep, "when to forget")
  }

  /// The budget is the capacity.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    ["capacity": .integer(try budget.rows(atLeast: 1, for: name))]
  }

  /// The newest query's attention.
  public var signals: Set<Signal> {
    when == .everyStep ? [.promptRows(1), .stepProbabilities] : [.promptRows(1)]
  }
  /// As the setting `when` says.
  public var cadence: Cadence { when.cadence }
  /// Bytes of the attention of one layer.
  public var stateBytes: Int { attention.count * 4 }

  /// The newest token, if it is protected.
  public var protection: Protection { Protection(recent: protectNewest ? 1 : 0) }

  /// Drops the tokens that the newest query attends to least, the same tokens in every lane.
  ///
  /// Lanes that were also edited by another party may hold different tokens. Attention is then
  /// summed over the lanes that hold a token, and each lane keeps the best of its tokens.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    for layer in cache.layers {
      sumAttention(cache, layer)
      for head in 0..<cache.shape.keyHeads {
        let lane = cache.lane(layer: layer, head: head)
        guard lane.count > capacity else { continue }
        let keep = capacity - protection.recent
        if lanesAgree {
          plan.keepBest(keep, of: lane, by: attention.span, protecting: protection)
        } else {
          let positions = lane.positions
          let own = (0..<lane.count).map { attention[Int(positions[$0])] }
          plan.keepBest(keep, of: lane, by: own.span, protecting: protection)
        }
      }
    }
  }

  /// Sums the attention that the newest token pays to each token, over all query heads of a layer.
  private mutating func sumAttention(_ cache: borrowing CacheView, _ layer: Int) {
    lanesAgree = doLanesAgree(cache, layer)
    let tokens = lanesAgree ? cache.lane(layer: layer, head: 0).count : cache.length.tokens
    attention.removeAll(keepingCapacity: true)
    attention.append(contentsOf: repeatElement(0, count: tokens))
    for head in 0..<cache.shape.keyHeads {
      let lane = cache.lane(layer: layer, head: head)
      if case .step = cache.moment {
        for query in 0..<lane.group { add(lane.probabilities(query), lane.positions) }
      } else {
        lane.forEachPromptRow { row in
          for query in 0..<lane.group { add(Softmax.over(row.logits(query)).span, lane.positions) }
        }
      }
    }
  }

  /// Adds to each token's sum, which is at the row's number if all lanes agree, else at the token's
  /// position.
  private mutating func add(_ probabilities: Span<Float>, _ positions: Span<Int32>) {
    if lanesAgree {
      for row in 0..<positions.count { attention[row] += probabilities[row] }
    } else {
      for row in 0..<positions.count { attention[Int(positions[row])] += probabilities[row] }
    }
  }

  /// Whether a row number means the same token in every lane of a layer. It does as long as only
  /// this policy edits the lanes.
  private func doLanesAgree(_ cache: borrowing CacheView, _ layer: Int) -> Bool {
    let first = cache.lane(layer: layer, head: 0)
    let positions = first.positions
    for head in 1..<max(1, cache.shape.keyHeads) {
      let lane = cache.lane(layer: layer, head: head)
      let others = lane.positions
      guard others.count == positions.count else { return false }
      for row in 0..<positions.count where others[row] != positions[row] { return false }
    }
    return true
  }
}
