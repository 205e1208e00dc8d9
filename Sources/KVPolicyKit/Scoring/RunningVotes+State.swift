extension RunningVotes {
  /// Where the count of a lane stands.
  struct State: Sendable {
    /// Tokens read when a vote was last counted; -1 if the count must begin again.
    private(set) var counted = -1
    /// Tokens read when the row to drop next was found, or -1.
    private(set) var found = -1
    /// The row that was taken out of the count: to be dropped, or dropped.
    private(set) var row: Int?
    /// The position of its token.
    private(set) var position: Int32 = -1
    /// Tokens read, the current one included, when it was last dropped.
    var dropped = -1
    /// Rows when a vote was last counted.
    var rows = 0
    /// The first and the last length at which the bounds hold.
    private(set) var start = -1
    private(set) var end = -1
    /// Steps a period has.
    private(set) var period: Int
    /// Rows scored since the bounds were made.
    var scored = 0

    init(period: Int) { self.period = period }

    /// Nothing is right any more.
    mutating func stop() {
      (counted, found, row) = (-1, -1, nil)
      (start, end, scored) = (-1, -1, 0)
    }

    /// The sums are right for the voters up to the newest, and no row was taken out for it yet.
    mutating func count(to tokens: Int) { (counted, found, row) = (tokens, -1, nil) }

    /// A row is out of the sums, but these cannot be used on if they lost their precision.
    mutating func forget(_ row: Int, position: Int32, isSound: Bool) {
      (self.row, self.position, found) = (row, position, counted)
      if !isSound { counted = -1 }
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
