import KVPolicyKit

/// Which key heads keep every token; all other heads *stream*: they keep the first and the latest
/// tokens.
///
/// A table has a number for each layer and key head, and the heads with the highest numbers are
/// full. The table is that of mit-han-lab/duo-attention, which PruLong writes too. Instead of a
/// table an artifact can hold the numbers that PruLong trains, `logAlpha`, from which its code
/// derives the table.
struct HeadProfile: Sendable {
  /// The kind of artifact that holds a table.
  static let kind = "head-profile"

  /// By layer and key head, whether the head keeps every token.
  let isFull: [[Bool]]

  /// Reads the settings `headTable` and `sparsity`. Where only the settings are asked for, no head
  /// is known.
  init(_ settings: inout Settings) throws(PolicyError) {
    let source = try settings.artifact(
      "headTable", kind: HeadProfile.kind, "a number for each layer and key head; high means full"
    ) { artifact, shape throws(ArtifactError) in
      let isTrained =
        artifact.tensors[Artifact.table] == nil && artifact.tensors[HardConcrete.name] != nil
      let name = isTrained ? HardConcrete.name : Artifact.table
      return (isTrained, try artifact.tensor(name, shape: [shape.layers, shape.keyHeads]))
    }
    let sparsity = try settings.number(
      "sparsity", default: 0.5, in: 0...1, "share of the heads that stream")
    isFull =
      source.map { isTrained, numbers in
        isTrained
          ? HardConcrete.fullHeads(numbers, sparsity: sparsity)
          : HeadProfile.fullHeads(numbers, sparsity: sparsity)
      } ?? []
  }

  /// The heads whose number is at least the quantile `sparsity` of all numbers. Numbers count as 0
  /// below 0 and as 1 above 1. Of heads with the quantile itself as many are full as if their
  /// numbers differed, the first ones first; with a sparsity of 1 no head is full.
  static func fullHeads(_ table: Tensor, sparsity: Double) -> [[Bool]] {
    let numbers = table.values.map { Double(min(max($0, 0), 1)) }
    let count = sparsity < 1 ? numbers.count - place(ofQuantile: sparsity, in: numbers) : 0
    return highest(count, of: numbers, heads: table.shape[1])
  }

  /// By layer and key head, which of the numbers are the `count` highest; of equal numbers the first
  /// ones.
  static func highest(_ count: Int, of numbers: [Double], heads: Int) -> [[Bool]] {
    let ranked = numbers.indices.sorted { (numbers[$0], $1) > (numbers[$1], $0) }
    var isHigh = [Bool](repeating: false, count: numbers.count)
    for index in ranked.prefix(count) { isHigh[index] = true }
    return stride(from: 0, to: numbers.count, by: heads).map { Array(isHigh[$0..<$0 + heads]) }
  }

  /// How many numbers are below a quantile, which lies linearly between two numbers, computed as
  /// numpy computes it.
  private static func place(ofQuantile share: Double, in numbers: [Double]) -> Int {
    let sorted = numbers.sorted()
    let exact = share * Double(sorted.count - 1)
    let index = Int(exact)
    let (low, high) = (sorted[index], sorted[min(index + 1, sorted.count - 1)])
    let part = exact - Double(index)
    let quantile = part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part)
    return part > 0 && (low == high || quantile > low) ? index + 1 : index
  }
}

/// Heads of a profile keep every row; all other heads keep the capacity.
public struct ProfileBudget: RowBudget {
  /// The name in configurations.
  public static let name = "profile"
  /// What the part does.
  public static let summary = "all rows in the full heads of a table, the capacity in the others"

  let profile: HeadProfile

  /// Reads the part's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    profile = try HeadProfile(&settings)
  }

  /// All rows of a full head, else the capacity.
  public func shares(_ request: borrowing BudgetRequest) -> [Int] {
    let capacity = request.capacity
    return request.lanes.map { lane in
      profile.isFull[lane.lane.layer][lane.lane.head] ? lane.rows.count : capacity
    }
  }
}
