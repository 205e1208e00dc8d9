/// Finds, step by step, the row with the fewest votes of a sliding window of voters, reading little.
///
/// A row's score is the sum (or the maximum) over the voters of the largest of their query heads'
/// probabilities, each a softmax over the rows before a horizon. To know every score, every vote must be
/// read; in the steady state, when each step one voter comes and one goes, one row crosses the horizon
/// and one row leaves, a few rows' will do:
///
/// - **Sums.** The denominators of all softmaxes are kept, in double precision: the row that crosses is
///   added, the one that leaves subtracted.
/// - **Bounds.** Each row has a lower bound of its score, in a column. It counts the same votes, under
///   *scales* that are not above the true ones for a *period* of steps: which rows will cross the horizon
///   is known, for they are there, and rows that leave only make a denominator smaller. A new voter's votes
///   are added, those of the one that goes taken away. When the period is over the bounds are made anew
///   from all votes.
/// - **Least.** The row with the least bound is scored exactly, and so is every other whose bound is not
///   above that score. What is left cannot be the least.
///
/// Where two scores are so close that the order of a sum could decide, it does not decide: the caller
/// counts the votes plainly. So the rows chosen are those of plain counting, ties included.
///
/// A policy makes one for all its lanes, keeps it as its own state, and calls, for a lane in each step,
/// ``record(_:slot:horizon:)`` when the new token's logits are known, ``least(_:slot:horizon:)`` when a
/// row must go, and ``drop(_:of:slot:)`` with the row that does. Whatever else happens to a lane in
/// between is noticed, and the count begun again.
public struct RunningVotes: Sendable {
  /// Entries of a voter.
  let heads: Int
  /// Voters remembered: those that vote and the newest, which does not yet.
  let ring: Int
  let fusion: Softmax.Fold
  /// The columns of the votes and of the bounds.
  let columns: (votes: Int, bounds: Int)
  let keyHeads: Int
  /// Per lane, voter and query head: the sum of the votes over the rows before the horizon.
  var sums: [Double]
  /// Likewise: what a vote is multiplied by to bound its probability from below. 0 for the newest voter,
  /// until its votes are cast.
  var scales: [Float]
  /// Per lane and query head: the newest voter's scale.
  var pending: [Float]
  var states: [State]
  /// Of one lane, while it is counted: the scales that are exact now.
  var exact: [Float]
  /// Of one lane, while its least row is looked for.
  var triedRows = [(row: Int, bound: Float)](repeating: (0, 0), count: VoteTable.crowd)
  /// How often a row was asked for, and how often none could be told.
  package private(set) var (asked, untold) = (0, 0)

  /// Counts nothing yet.
  ///
  /// - Parameters:
  ///   - votes: the column of votes, of at least `voters + 1` voters.
  ///   - bounds: the column of ``bounds(_:)``.
  ///   - voters: queries that vote at a time.
  ///   - fusion: how voters are joined.
  ///   - shape: the cache's.
  public init(votes: Int, bounds: Int, voters: Int, fusion: Softmax.Fold, shape: CacheShape) {
    precondition(voters > 0, "somebody must vote")
    heads = shape.group
    ring = voters + 1
    self.fusion = fusion
    columns = (votes, bounds)
    keyHeads = shape.keyHeads
    let entries = ring * heads
    sums = Array(repeating: 0, count: shape.lanes * entries)
    scales = Array(repeating: 0, count: shape.lanes * entries)
    pending = Array(repeating: 0, count: shape.lanes * heads)
    exact = Array(repeating: 0, count: entries)
    // The first periods differ in length, so that the lanes make their bounds at different steps.
    states = (0..<shape.lanes).map { State(period: min(voters, 8 + $0 * 5 % 16)) }
  }

  /// The column that the bounds are in. Rows at or after the horizon have +∞.
  public static func bounds(_ fusion: Softmax.Fold) -> Column {
    .ring("bounds", width: fusion == .max ? 2 : 1, initial: .infinity)
  }

  /// Queries that vote at a time.
  public var voters: Int { ring - 1 }

  /// Bytes taken.
  public var bytes: Int {
    sums.count * 8 + (scales.count + pending.count + exact.count) * 4
      + states.count * MemoryLayout<State>.stride
      + triedRows.count * MemoryLayout<(Int, Float)>.stride
  }

  /// Remembers the new token's votes in the ring's `slot`, over the oldest ones there.
  ///
  /// - Parameters:
  ///   - lane: the lane, whose newest row is the new token's.
  ///   - slot: the voter's place, from 0; the last one's was one before.
  ///   - horizon: rows before this position are voted on.
  /// - Complexity: O(heads × rows), and two tiles; allocates nothing.
  public mutating func record(_ lane: LaneView, slot: Int, horizon: Int32) {
    let index = lane.id.layer * keyHeads + lane.id.head
    let state = states[index]
    let tokens = lane.length.tokens
    guard state.dropped == tokens - 1, state.rows == lane.count - 1 else {
      for head in 0..<heads {
        lane.remember(
          probabilities: lane.probabilities(head), column: columns.votes,
          entry: slot * heads + head)
      }
      return
    }
    // Votes beyond the end of the bounds are not bounded; then the bounds are made anew before use.
    let cutoff = horizon + Int32(max(0, min(state.end - tokens, ring - 1)))
    let heads = heads
    unsafe withTable(lane) { table in
      table.withdraw(slot)
      table.cross(horizon - 1, newest: slot)
      for head in 0..<heads {
        table.remember(
          lane.probabilities(head), slot: slot, head: head, horizon: horizon, cutoff: cutoff)
      }
    }
    lane.lane.ownColumn(columns.votes).stamp(entry: slot * heads, tokens: tokens)
    states[index].recorded = tokens
  }

  /// The row with the fewest votes of all but the newest voter; nil if scores are too close to tell, or
  /// not such numbers as can be told apart. Then count plainly.
  ///
  /// - Parameters:
  ///   - lane: the lane.
  ///   - slot: the newest voter's place.
  ///   - horizon: rows before this position are voted on.
  /// - Complexity: O(rows), and a tile for each row that is near the least; O(voters × heads × rows) when a
  ///   period ends or the count begins. Allocates nothing.
  public mutating func least(_ lane: LaneView, slot: Int, horizon: Int32) -> Int? {
    let index = lane.id.layer * keyHeads + lane.id.head
    var state = states[index]
    let tokens = lane.length.tokens
    let (tiles, longest) = ((lane.count + 7) / 8, ring - 1)
    let found = unsafe withTable(lane) { table -> Int? in
      if state.recorded != tokens {
        table.addUp(horizon: horizon)
        state.begin(at: tokens)
      }
      guard table.prepareExact(newest: slot) else {
        state.recorded = -1
        return nil
      }
      if state.end < tokens || state.scored > tiles {
        state.startPeriod(at: tokens, tiles: tiles, longest: longest)
        table.makeBounds(newest: slot, horizon: horizon, steps: state.period)
      }
      var answer = table.least()
      while answer.isCrowded, state.start != tokens || state.period > 1 {
        state.shortenPeriod(at: tokens)
        table.makeBounds(newest: slot, horizon: horizon, steps: state.period)
        answer = table.least()
      }
      state.scored += answer.scored
      return answer.row
    }
    states[index] = state
    asked += 1
    if found == nil { untold += 1 }
    return found
  }

  /// Counts on without a row, and with the newest voter. To be called in every step after
  /// ``least(_:slot:horizon:)``, whether that found the row or the caller did.
  ///
  /// - Complexity: O(heads × rows), and a tile; allocates nothing.
  public mutating func drop(_ row: Int, of lane: LaneView, slot: Int) {
    let index = lane.id.layer * keyHeads + lane.id.head
    guard states[index].recorded == lane.length.tokens, row >= 0, row < lane.count else { return }
    let isSound = unsafe withTable(lane) { table in
      table.cast(slot)
      return table.remove(row)
    }
    states[index].dropped = isSound ? lane.length.tokens : -1
    states[index].rows = lane.count - 1
  }

  /// Lends the numbers of one lane.
  @unsafe private mutating func withTable<Result>(
    _ lane: LaneView, _ body: (VoteTable) -> Result
  ) -> Result {
    let index = lane.id.layer * keyHeads + lane.id.head
    let (votes, bounds) = (lane.lane.ownColumn(columns.votes), lane.lane.ownColumn(columns.bounds))
    precondition(
      votes.isTiled && votes.column.heads == heads && votes.column.width >= ring * heads
        && bounds.column.width == (fusion == .max ? 2 : 1) && votes.stride >= lane.count
        && bounds.stride >= lane.count, "the columns are those that the count was made for")
    let first = index * ring * heads
    let (heads, ring, isSum) = (heads, ring, fusion == .add)
    return unsafe sums.withUnsafeMutableBufferPointer { sums in
      unsafe scales.withUnsafeMutableBufferPointer { scales in
        unsafe pending.withUnsafeMutableBufferPointer { pending in
          unsafe exact.withUnsafeMutableBufferPointer { exact in
            unsafe triedRows.withUnsafeMutableBufferPointer { tried in
              unsafe lane.lane.positions.withUnsafeBufferPointer { positions in
                // None is empty: there are lanes, voters, heads, and a row at least when a lane is counted.
                let later = unsafe bounds.entry(bounds.column.width - 1)
                return unsafe body(
                  VoteTable(
                    tiles: votes.tiles(), width: votes.column.width, bounds: bounds.entry(0),
                    later: later, positions: positions.baseAddress.unsafelyUnwrapped,
                    count: lane.count, heads: heads, ring: ring, isSum: isSum,
                    sums: sums.baseAddress.unsafelyUnwrapped + first,
                    scales: scales.baseAddress.unsafelyUnwrapped + first,
                    pending: pending.baseAddress.unsafelyUnwrapped + index * heads,
                    exact: exact.baseAddress.unsafelyUnwrapped,
                    triedRows: tried.baseAddress.unsafelyUnwrapped))
              }
            }
          }
        }
      }
    }
  }
}
