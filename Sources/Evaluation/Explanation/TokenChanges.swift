/// When the tokens of a text are gone for one of a cache's lanes, or for a query that reads a part
/// of a lane, as changes from step to step.
///
/// A token counts as present from the moment it is read. A token that a policy forgot is gone for
/// good; a token that a step does not read can be read by the next step.
public struct TokenChanges: Equatable, Sendable {
  /// Tokens that follow one another and go, or come back, at the same step.
  public struct Change: Equatable, Sendable {
    /// The step after which the change holds; 0 is the end of the prompt.
    public let step: Int
    /// The positions of the tokens.
    public let positions: ClosedRange<Int>
    /// Whether the tokens go; else they come back.
    public let isLoss: Bool
  }

  /// All changes, by step and then by position.
  public private(set) var changes: [Change] = []
  /// Whether each token read so far is gone.
  private(set) var gone: [Bool] = []

  /// Tokens of which none is gone.
  init() {}

  /// Notes which tokens are gone after a step: one value for each token read so far.
  mutating func record(_ now: [Bool], at step: Int) {
    gone += repeatElement(false, count: max(0, now.count - gone.count))
    var position = 0
    while position < now.count {
      let first = position
      while position < now.count, now[position] != gone[position], now[position] == now[first] {
        position += 1
      }
      if position > first {
        changes.append(Change(step: step, positions: first...position - 1, isLoss: now[first]))
      } else {
        position += 1
      }
    }
    gone = now
  }

  /// Whether each of a text's first tokens is gone after a step.
  public func gone(after step: Int, of tokens: Int) -> [Bool] {
    var gone = [Bool](repeating: false, count: tokens)
    for change in changes where change.step <= step {
      for position in change.positions where position < tokens { gone[position] = change.isLoss }
    }
    return gone
  }
}
