import KVPolicyKit

/// Keeps the rows whose keys and values are long.
///
/// Sengupta et al., "Value-Guided KV Compression for LLMs via Approximated CUR Decomposition",
/// NeurIPS 2025; behaviour of NVIDIA/kvpress `CURPress`. No attention is needed.
public struct CUR: RowScore {
  /// The name in configurations.
  public static let name = "cur"
  /// What the score prefers.
  public static let summary = "keeps rows with long keys and values"
  /// Where the score was published.
  public static let source = "Sengupta et al., NeurIPS 2025; NVIDIA/kvpress CURPress"

  /// How the lengths of key and value become one score.
  public enum Combine: String, CaseIterable, Sendable {
    /// Their product.
    case product
    /// Their mean.
    case mean
    /// The key's alone.
    case key
    /// The value's alone.
    case value
  }

  let combine: Combine
  let blockNormalize: Int
  let sinks: Int

  /// Reads the score's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    combine = try settings.choice(
      "combine", default: .product, "how the lengths of key and value become one score")
    blockNormalize = try settings.integer(
      "blockNormalize", default: 16, atLeast: 0,
      "rows that compete with each other: lengths are divided by their sum; 0 for all")
    sinks = try settings.integer("sinks", default: 4, atLeast: 0, "first rows, which rank highest")
  }

  /// The squared lengths, as shares of their block.
  public func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    var (keys, values) = ([Float](), [Float]())
    lane.forEachKey(of: rows) { keys.append($1.dot($1)) }
    lane.forEachValue(of: rows) { values.append($1.dot($1)) }
    (keys, values) = (shares(keys), shares(values))
    return rows.indices.map { index in
      guard index >= sinks else { return .greatestFiniteMagnitude }
      switch combine {
      case .product: return keys[index] * values[index]
      case .mean: return (keys[index] + values[index]) / 2
      case .key: return keys[index]
      case .value: return values[index]
      }
    }
  }

  /// Each number divided by the sum of its block.
  private func shares(_ numbers: [Float]) -> [Float] {
    guard blockNormalize > 0 else { return numbers }
    var shares = numbers
    for first in stride(from: 0, to: numbers.count, by: blockNormalize) {
      let block = first..<min(first + blockNormalize, numbers.count)
      let sum = block.reduce(Float(0)) { $0 + numbers[$1] }
      for index in block where sum > 0 { shares[index] = numbers[index] / sum }
    }
    return shares
  }
}
