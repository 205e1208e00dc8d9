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
  /// Pages referenced by the lanes.
  public var pagesHeld: Int
  /// Pages the lanes gave back so far.
  public var pagesReturned: Int
  /// Bytes of pages, columns, bookkeeping and the policies' own state, now.
  public var residentBytes: Int
  /// The most such bytes so far.
  public var peakResidentBytes: Int
  /// Of `residentBytes`, what the policies cause: columns and own state.
  public var policyStateBytes: Int
  /// Rows × time over those of full attention ("KV footprint").
  public var footprint: Double
  /// The most rows stored over those that full attention ends with.
  public var peakFootprint: Double
}
