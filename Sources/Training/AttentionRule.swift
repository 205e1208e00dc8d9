/// Which keys the queries of a training pass attend to.
public enum AttentionRule: Sendable, Equatable {
  /// A query attends to its own position and every earlier one.
  case causal
  /// A query attends to the first `sinks` positions and the last `window`, its own position
  /// included.
  case streaming(sinks: Int, window: Int)
  /// `z · causal + (1 − z) · streaming`: `scalars` holds the z of each head, `layers × queryHeads`.
  ///
  /// DuoAttention (Xiao et al., ICLR 2025, §2.2) learns these scalars. A head whose z stays near 0
  /// does without the middle of the context.
  case mixed(scalars: [Float], sinks: Int, window: Int)
}

/// Which keys of a text the queries under one mask attend to.
enum AttentionMask: Sendable {
  case causal
  case streaming(sinks: Int, window: Int)

  /// The keys that the block of consecutive `queries` attends to, in positions of the sequence.
  func visible(to queries: Range<Int>) -> VisibleKeys {
    switch self {
    case .causal:
      return VisibleKeys(sinks: 0, window: queries.upperBound, left: 0, end: queries.upperBound)
    case .streaming(let sinks, let window):
      // Sinks or a window beyond the last position change nothing, and their sum must not overflow.
      let (sinks, window) = (min(sinks, queries.upperBound), min(window, queries.upperBound))
      let left = max(0, queries.lowerBound - window + 1 - sinks)
      return VisibleKeys(sinks: sinks, window: window, left: left, end: queries.upperBound)
    }
  }
}

/// The keys that a block of queries attends to, packed into columns: the sinks, then the keys from
/// the start of the first query's window.
///
/// ```text
///   positions   0 1 2 3 4 5 6 7 8 9      2 sinks, a window of 3, queries 8 and 9
///   columns     0 1         2 3 4 5      four positions are left out
///   query 8     ■ ■         ■ ■ ■ ·
///   query 9     ■ ■         · ■ ■ ■
/// ```
struct VisibleKeys: Sendable {
  let sinks: Int
  let window: Int
  /// Positions between the sinks and the first window that no query of the block attends to.
  let left: Int
  /// The position after the last query.
  let end: Int

  /// The number of columns.
  var columns: Int { end - left }

  /// Consecutive positions and the column each stretch begins at.
  var pieces: [(keys: Range<Int>, column: Int)] {
    if left == 0 { return [(0..<end, 0)] }
    let last = (keys: sinks + left..<end, column: sinks)
    return sinks == 0 ? [last] : [(0..<sinks, 0), last]
  }

  /// The columns up to the query at `position`: it attends to all of them except `gap(at:)`.
  func seen(by position: Int) -> Int { position + 1 - left }

  /// The columns below `seen(by:)` that the query at `position` does not attend to; may be empty.
  func gap(at position: Int) -> Range<Int> {
    sinks..<max(sinks, position + 1 - window - left)
  }
}
