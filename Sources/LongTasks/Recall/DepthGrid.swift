import Foundation

/// Depths at which a needle is hidden, in percent of the haystack.
public enum DepthGrid {
  /// `count` depths from 0 to 100 at equal distances; the single depth 50 if `count` is 1.
  public static func linear(_ count: Int) -> [Double] {
    guard count > 1 else { return count == 1 ? [50] : [] }
    return (0..<count).map { 100 * Double($0) / Double(count - 1) }
  }

  /// `count` depths that are dense at both ends: `100 / (1 + exp(−0.1 (x − 50)))` for the linear
  /// depths x, rounded to three decimals, with 0 and 100 exact. Ascending, unlike in Kamradt's
  /// code, where the order inside is reversed.
  public static func logistic(_ count: Int) -> [Double] {
    linear(count).map { depth in
      guard depth > 0, depth < 100 else { return depth }
      return (100 / (1 + exp(-0.1 * (depth - 50))) * 1000).rounded() / 1000
    }
  }
}
