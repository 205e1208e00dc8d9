/// Which keys the queries of a training pass see.
public enum AttentionRule: Sendable, Equatable {
  /// A query sees its own position and all before it.
  case causal
  /// The first `sinks` positions and the last `window`, the query's own included.
  case streaming(sinks: Int, window: Int)
  /// `z · causal + (1 − z) · streaming`: `scalars` holds z of each head, `layers × queryHeads`.
  ///
  /// What DuoAttention learns (Xiao et al., ICLR 2025, §2.2): heads whose z stays near 0 do without the
  /// middle of the context.
  case mixed(scalars: [Float], sinks: Int, window: Int)
}

/// The keys of one sequence that some queries see.
enum AttentionMask: Sendable {
  case causal
  case streaming(sinks: Int, window: Int)

  /// What consecutive queries see, in positions of the sequence.
  func visible(to queries: Range<Int>) -> VisibleKeys {
    switch self {
    case .causal:
      return VisibleKeys(sinks: 0, window: queries.upperBound, left: 0, end: queries.upperBound)
    case .streaming(let sinks, let window):
      // Neither matters beyond the last position, and their sum must not overflow.
      let (sinks, window) = (min(sinks, queries.upperBound), min(window, queries.upperBound))
      let left = max(0, queries.lowerBound - window + 1 - sinks)
      return VisibleKeys(sinks: sinks, window: window, left: left, end: queries.upperBound)
    }
  }
}

/// The keys that a block of queries sees, side by side as columns: the sinks, then those from the first
/// query's window on.
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
  /// Positions between the sinks and the first window that no query of the block sees.
  let left: Int
  /// The position after the last query's.
  let end: Int

  /// Columns in all.
  var columns: Int { end - left }

  /// Runs of positions and the column each begins at.
  var pieces: [(keys: Range<Int>, column: Int)] {
    if left == 0 { return [(0..<end, 0)] }
    let last = (keys: sinks + left..<end, column: sinks)
    return sinks == 0 ? [last] : [(0..<sinks, 0), last]
  }

  /// Columns that the query at `position` sees, from the first to the last.
  func seen(by position: Int) -> Int { position + 1 - left }

  /// Columns among these that it does not see; may be empty.
  func gap(at position: Int) -> Range<Int> {
    sinks..<max(sinks, position + 1 - window - left)
  }
}
