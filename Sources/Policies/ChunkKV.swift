import KVPolicyKit

/// SnapKV that keeps or drops whole chunks of tokens, the same chunks in all heads of a layer.
///
/// Liu et al., "ChunkKV", 2025; behaviour of NVIDIA/kvpress `ChunkKVPress`.
public struct ChunkKV: WindowPolicy {
  /// The name in configurations.
  public static let name = "chunkkv"
  /// What the policy keeps.
  public static let summary = "SnapKV that keeps whole chunks, the same in all heads of a layer"
  /// Where the method was published.
  public static let source = "Liu et al., 2025; NVIDIA/kvpress ChunkKVPress"

  /// The window's votes and the chunks.
  public var composition: Composition

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    composition = try settings.composition(score: WindowScore.averaged, unit: Chunks.init)
  }
}

/// Chunks of neighbouring rows stay or go as a whole.
public struct Chunks: RowUnit {
  /// The name in configurations.
  public static let name = "chunk"
  /// What the part does.
  public static let summary = "chunks of neighbouring rows, the same in all heads of a layer"

  let size: Int
  /// How many neighbouring layers keep the chunks of the first of them.
  public let layers: Int

  /// Reads the part's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    size = try settings.integer("size", default: 20, atLeast: 1, "tokens of a chunk")
    layers = try settings.integer(
      "reuse", default: 1, atLeast: 1,
      "neighbouring layers that keep what the first of them chooses")
  }

  /// Heads keep the same chunks.
  public var isSharedByHeads: Bool { true }

  /// The chunks with the best means. Their number is the share `count` of all rows, rounded down,
  /// and at least 1. Chunks begin at the first row; the last chunk may be shorter.
  public func choose(_ count: Int, of lane: borrowing Candidates) -> [Int] {
    let (rows, scores) = (lane.rows.count, lane.scores)
    let chunks = stride(from: 0, to: rows, by: size).map { $0..<min($0 + size, rows) }
    let means = chunks.map { chunk in
      chunk.reduce(Float(0)) { $0 + scores[$1] } / Float(chunk.count)
    }
    let keep = max(1, chunks.count * count / rows)
    let best = chunks.indices.sorted { (means[$0], $1) > (means[$1], $0) }.prefix(keep)
    return best.sorted().flatMap { Array(chunks[$0]) }
  }
}
