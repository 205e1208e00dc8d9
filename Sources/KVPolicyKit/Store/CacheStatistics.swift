/// What one sequence's cache holds and has held, as measured in the store.
public struct CacheStatistics: Hashable, Sendable, Codable {
  /// Tokens read.
  public var tokens: Int
  /// Rows in all lanes.
  public var rowsLive: Int
  /// Rows dropped from all lanes so far.
  public var rowsDropped: Int
  /// Rows of the longest lane.
  public var longestLane: Int
  /// Rows of the shortest lane.
  public var shortestLane: Int
  /// Pages that the lanes reference.
  public var pagesHeld: Int
  /// Pages that the lanes gave back so far.
  public var pagesReturned: Int
  /// Bytes of pages, columns, bookkeeping and the policies' own state, now.
  public var residentBytes: Int
  /// The largest `residentBytes` so far.
  public var peakResidentBytes: Int
  /// The mean of `residentBytes` after each decode step; `residentBytes` before the first.
  public var meanResidentBytes: Int
  /// The part of `residentBytes` that the policies cause: columns and the policies' own state.
  public var policyStateBytes: Int
  /// Rows × time, divided by the rows × time of full attention ("KV footprint").
  public var footprint: Double
  /// The most rows stored at once, divided by the rows that full attention ends with.
  public var peakFootprint: Double
  /// The mean rows per lane that a decode step's attention read; nil without a reader, and before
  /// the first step. Where a group's query heads read rows of their own, the mean over the heads.
  public var meanReadRows: Double?
  /// The mean bytes that a decode step's attention read: keys and values, as often as a pass over
  /// the lane read them, and the page bounds that a reader chose by. Nil as `meanReadRows`.
  public var meanReadBytes: Int?
  /// Keys, values and bytes by format, if some layer has a codec: the store's own format first,
  /// then the codecs' tiers. Nil without a codec.
  public var tiers: [TierStatistics]?
}
