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
/// A policy of phase ``Phase/beforeStep`` makes one for all its lanes and keeps it as its own state. In each
/// step it asks a lane for the ``least(_:)``, or if that is not known drops another and says so to
/// ``drop(_:of:)``; then it calls ``record(_:slot:horizon:)`` with the new token's votes, which finds the next
/// step's row. Whatever else happens to a lane in between is noticed, and the count begun again.
public struct RunningVotes: Sendable {
  /// Entries of a voter.
  let heads: Int
  /// Queries that vote at a time.
  let ring: Int
  let fusion: Softmax.Fold
  /// The columns of the votes and of the bounds.
  let columns: (votes: Int, bounds: Int)
  let keyHeads: Int
  /// Per lane, voter and query head: the sum of the votes over the rows before the horizon.
  var sums: [Double]
  /// Likewise: what a vote is multiplied by to bound its probability from below.
  var scales: [Float]
  var states: [State]
  /// Per lane: where the rows of the last positions were when they came or moved.
  var places: [Int32]
  /// Per lane: where its votes were when they were last counted, to ask memory for those of the next lane
  /// while this one's are counted. They may be somewhere else by now.
  var homes: [UInt]
  /// Of one lane, while it is counted: the scales that are exact now.
  var exact: [Float]
  /// Of one lane, while its least row is looked for.
  var triedRows = [(row: Int, bound: Float)](repeating: (0, 0), count: VoteTable.crowd)
  /// How often a row was asked for, and how often none could be told.
  package private(set) var (asked, untold) = (0, 0)

  /// Counts nothing yet.
  ///
  /// - Parameters:
  ///   - votes: the column of votes, of at least `voters` voters.
  ///   - bounds: the column of ``bounds(_:)``.
  ///   - voters: queries that vote at a time.
  ///   - fusion: how voters are joined.
  ///   - shape: the cache's.
  public init(votes: Int, bounds: Int, voters: Int, fusion: Softmax.Fold, shape: CacheShape) {
    precondition(voters > 0, "somebody must vote")
    heads = shape.group
    ring = voters
    self.fusion = fusion
    columns = (votes, bounds)
    keyHeads = shape.keyHeads
    let entries = ring * heads
    sums = Array(repeating: 0, count: shape.lanes * entries)
    scales = Array(repeating: 0, count: shape.lanes * entries)
    places = Array(repeating: 0, count: shape.lanes * (ring + 2))
    homes = Array(repeating: 0, count: shape.lanes)
    exact = Array(repeating: 0, count: entries)
    // The first periods differ in length, so that the lanes make their bounds at different steps.
    states = (0..<shape.lanes).map { State(period: min(voters, 8 + $0 * 5 % 16)) }
  }

  /// The column that the bounds are in. Rows at or after the horizon have +∞.
  public static func bounds(_ fusion: Softmax.Fold) -> Column {
    .ring("bounds", width: fusion == .max ? 2 : 1, initial: .infinity)
  }

  /// Bytes taken.
  public var bytes: Int {
    (sums.count + homes.count) * 8 + (scales.count + exact.count + places.count) * 4
      + states.count * MemoryLayout<State>.stride
      + triedRows.count * MemoryLayout<(Int, Float)>.stride
  }

  /// Remembers the new token's votes in the ring's `slot`, over the oldest ones there, and finds the row
  /// with the fewest votes for the next step. To be called once the ring is full, and a row must go then.
  ///
  /// - Parameters:
  ///   - lane: the lane, from which a row went if one had to.
  ///   - slot: the voter's place, from 0; the last one's was one before.
  ///   - horizon: rows before this position are voted on in the next step.
  /// - Complexity: O(heads × rows), and a tile for each row that is near the least; O(voters × heads ×
  ///   rows) when a period ends or the count begins. Allocates nothing.
  public mutating func record(_ lane: LaneView, slot: Int, horizon: Int32) {
    let index = lane.id.layer * keyHeads + lane.id.head
    var state = states[index]
    let tokens = lane.length.tokens
    let continues = notePlace(of: lane, state) && state.counted == tokens - 1
    if !continues {
      for head in 0..<heads {
        lane.remember(
          probabilities: lane.probabilities(head), column: columns.votes,
          entry: slot * heads + head)
      }
      state.stop()
    }
    // Votes beyond the end of the bounds are not bounded; then the bounds are made anew before use.
    let cutoff = horizon + Int32(max(0, min(state.end - tokens, ring - 1)))
    let heads = heads
    let next = index + 1 < homes.count ? homes[index + 1] : 0
    var home: UInt = 0
    let found = unsafe withTable(lane) { table -> (row: Int, isSound: Bool)? in
      home = UInt(bitPattern: unsafe table.tiles)
      if continues {
        table.withdraw(slot)
        table.cross(horizon - 1)
        for head in 0..<heads {
          table.ask(for: slot, at: next, part: head)
          table.remember(
            lane.probabilities(head), slot: slot, head: head, horizon: horizon, cutoff: cutoff)
        }
        table.cast(slot)
      } else {
        table.addUp(horizon: horizon)
      }
      let row = table.least(&state, newest: slot, tokens: tokens, horizon: horizon)
      return row.map { ($0, table.remove($0)) }
    }
    homes[index] = home
    lane.lane.ownColumn(columns.votes).stamp(entry: slot * heads, tokens: tokens)
    state.rows = lane.count
    asked += 1
    if let found {
      state.forget(found.row, position: lane.positions[found.row], isSound: found.isSound)
    } else {
      untold += 1
    }
    states[index] = state
  }

  /// The row with the fewest votes, which was found when the last ones were recorded; nil if scores were too
  /// close to tell, or not such numbers as can be told apart, or the lane is not as it was. Then count
  /// plainly.
  public mutating func least(_ lane: LaneView) -> Int? {
    let index = lane.id.layer * keyHeads + lane.id.head
    let state = states[index]
    guard state.found == lane.length.tokens - 1, state.rows == lane.count - 1, let row = state.row,
      lane.positions[row] == state.position
    else { return nil }
    states[index].dropped = lane.length.tokens
    return row
  }

  /// Counts on without a row that the caller chose.
  ///
  /// - Complexity: O(voters × heads); allocates nothing.
  public mutating func drop(_ row: Int, of lane: LaneView) {
    let index = lane.id.layer * keyHeads + lane.id.head
    var state = states[index]
    // One that was taken out already is not there any more where it was.
    if state.row == nil, state.counted == lane.length.tokens - 1, state.rows == lane.count - 1 {
      precondition(row >= 0 && row < lane.count, "no such row in the lane")
      let isSound = unsafe withTable(lane) { $0.remove(row) }
      state.forget(row, position: lane.positions[row], isSound: isSound)
      state.dropped = lane.length.tokens
    } else {
      state.stop()
    }
    states[index] = state
  }

  /// Notes where the new token's row is: where that was which went in this step. False if none did.
  private mutating func notePlace(of lane: LaneView, _ state: State) -> Bool {
    let newest = Int32(lane.length.tokens - 1)
    guard let row = state.row, state.dropped == lane.length.tokens, row < lane.count,
      lane.positions[row] == newest
    else { return false }
    let first = (lane.id.layer * keyHeads + lane.id.head) * (ring + 2)
    places[first + Int(newest) % (ring + 2)] = Int32(row)
    return true
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
        unsafe places.withUnsafeMutableBufferPointer { places in
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
                    exact: exact.baseAddress.unsafelyUnwrapped,
                    places: UnsafeMutableBufferPointer(
                      rebasing: places[index * (ring + 2)..<(index + 1) * (ring + 2)]),
                    triedRows: tried.baseAddress.unsafelyUnwrapped))
              }
            }
          }
        }
      }
    }
  }
}
