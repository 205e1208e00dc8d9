extension RunningVotes {
  /// Where the count of a lane stands.
  struct State: Sendable {
    /// Tokens read when a vote was last recorded into the count, and when a row was last dropped.
    var recorded = -1
    var dropped = -1
    /// Rows after that.
    var rows = 0
    /// The first and the last length at which the bounds hold.
    private(set) var start = -1
    private(set) var end = -1
    /// Steps a period has.
    private(set) var period: Int
    /// Rows scored since the bounds were made.
    var scored = 0

    init(period: Int) { self.period = period }

    /// The sums are right, the bounds are not there.
    mutating func begin(at tokens: Int) {
      recorded = tokens
      (start, end, scored) = (-1, -1, 0)
    }

    /// Bounds are made anew. The longer they have to hold, the more rows they cannot tell apart; what that
    /// costs decides how long.
    mutating func startPeriod(at tokens: Int, tiles: Int, longest: Int) {
      if scored > tiles {
        period = min(longest, max(1, (tokens - start) * 3 / 4))
      } else if start >= 0, scored < tiles / 2 {
        period = min(longest, period + period / 2 + 1)
      }
      hold(from: tokens)
    }

    /// Bounds are made anew, because too many rows cannot be told apart.
    mutating func shortenPeriod(at tokens: Int) {
      period = max(1, start == tokens ? period / 2 : (tokens - start) * 3 / 4)
      hold(from: tokens)
    }

    private mutating func hold(from tokens: Int) {
      (start, end, scored) = (tokens, tokens + period - 1, 0)
    }
  }
}
