import KVPolicyKit

/// Keeps the rows that full attention's queries of the text to come attend to most: a ceiling to
/// compare policies with. It has seen the future, so no policy can do what it does.
///
/// Only a ``Comparison`` can run it, under the name `oracle`, because only there the text to come
/// is known. After the prompt and after every step it keeps, in each lane, the `capacity` rows with
/// the most attention still to come; rows of equal attention go from the newest on. The choice is
/// greedy, row by row, and takes no account of what a row's value does to later layers. So it is
/// no optimum: another set of rows can be better. What it knows of the future is not counted among
/// its bytes.
///
/// Source: this project; after L. A. Belady, "A study of replacement algorithms", IBM Systems
/// Journal 1966, which drops what is needed last.
public struct FutureAttention: KVCachePolicy {
  /// The name in entries of a comparison.
  public static let name = "oracle"
  /// What the policy keeps.
  public static let summary = "has seen the future: keeps what full attention will attend to most"
  /// Where the idea was published.
  public static let source = "this project; after Belady, IBM Systems Journal 1966"

  let capacity: Int
  /// The attention to come; nil in a policy that is only asked for its settings.
  private let future: FutureMasses?
  /// Scores of one lane; kept for their memory.
  private var scores: [Float] = []

  /// Reads the policy's settings: `capacity`, in rows per lane.
  public init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer("capacity", default: 1024, atLeast: 1, "rows kept in each lane")
    future = nil
  }

  /// The policy of a configuration, with the attention to come.
  ///
  /// - Throws: `PolicyError.impossible` for settings of other layers, and for settings that the
  ///   policy has not: it shares none with other policies.
  init(_ configuration: PolicyConfiguration, _ future: FutureMasses?) throws(PolicyError) {
    guard configuration.overrides.isEmpty else {
      throw .impossible(
        policy: Self.name, reason: "it decides about all layers; leave \"layers\" out")
    }
    let read = try FutureAttention(configuration.main.settings)
    (capacity, self.future) = (read.capacity, future)
  }

  /// The budget's rows.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    ["capacity": .number(Double(try budget.rows(atLeast: 1, for: name)))]
  }

  /// Whether an entry of a comparison names this policy.
  static func isNamed(by entry: PolicyEntry) -> Bool { entry.configuration.main.policy == name }

  /// Keeps the rows with the most attention still to come.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    guard let future else { return }
    let next =
      switch cache.moment {
      case .chunk: 0
      case .step(let index): index
      }
    cache.forEachLane { lane in
      guard lane.count > capacity else { return }
      let lanes = lane.id.layer * cache.shape.keyHeads + lane.id.head
      scores.removeAll(keepingCapacity: true)
      for row in 0..<lane.count {
        scores.append(future.mass(lane: lanes, position: Int(lane.positions[row]), from: next))
      }
      plan.keepBest(capacity, of: lane, by: scores.span)
    }
  }
}

/// For each lane and token, how much attention the steps of a text still to come pay to the token
/// under full attention, summed over the query heads of the lane's group.
///
/// Steps are taken together in blocks, so that the sums need little memory. Within a block, the
/// attention of its first steps counts until the block is over.
final class FutureMasses: Sendable {
  /// Steps of a block.
  let blockSteps: Int
  private let blocks: Int
  private let tokens: Int
  /// By lane, block and token: the attention from the block's first step to the last step.
  private let sums: [Float]

  /// The bytes that the sums may need before blocks have more than one step.
  static let mostBytes = 64 << 20

  /// The sums of a full-attention pass.
  ///
  /// - Parameters:
  ///   - shape: the shape of the cache.
  ///   - steps: the number of steps.
  ///   - tokens: the number of tokens, prompt and steps.
  ///   - mostBytes: the bytes that the sums may need.
  ///   - weights: the weights of the steps, called in their order: by layer and query head, the
  ///     weight of each token.
  init(
    _ shape: CacheShape, steps: Int, tokens: Int, mostBytes: Int = FutureMasses.mostBytes,
    weights: (_ step: Int) throws -> [[[Float]]]
  ) rethrows {
    let bytes = Double(shape.lanes) * Double(steps) * Double(tokens) * 4
    let blockSteps = max(1, Int((bytes / Double(mostBytes)).rounded(.up)))
    let blocks = (steps + blockSteps - 1) / blockSteps
    var sums = [Float](repeating: 0, count: shape.lanes * blocks * tokens)
    for step in 0..<steps {
      for (layer, heads) in try weights(step).enumerated() {
        for (head, row) in heads.enumerated() {
          let lane = layer * shape.keyHeads + head / shape.group
          let first = (lane * blocks + step / blockSteps) * tokens
          for position in row.indices { sums[first + position] += row[position] }
        }
      }
    }
    for lane in 0..<shape.lanes {
      for block in (0..<max(0, blocks - 1)).reversed() {
        let first = (lane * blocks + block) * tokens
        for place in first..<first + tokens { sums[place] += sums[place + tokens] }
      }
    }
    (self.blockSteps, self.blocks, self.tokens, self.sums) = (blockSteps, blocks, tokens, sums)
  }

  /// The attention that a token of a lane receives from step `step` on, and from the earlier steps
  /// of the same block. After the last step it is what the last block pays.
  func mass(lane: Int, position: Int, from step: Int) -> Float {
    sums[(lane * blocks + min(step / blockSteps, blocks - 1)) * tokens + position]
  }
}
