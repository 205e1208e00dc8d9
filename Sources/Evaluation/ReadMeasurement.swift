import KVPolicyKit
import Reporting

/// What decode steps read of a cache, under a policy that reads a part of what it holds.
public struct ReadMeasurement: Codable, Hashable, Sendable {
  /// Rows per lane that a step read, on average.
  public var rows: Double
  /// Bytes that the attention of a step read, on average: keys and values, as often as a pass over
  /// the lane read them, and the page bounds by which rows were chosen.
  public var bytes: Int

  /// The means over some sequences; nil if one of them has nothing to tell.
  init?(_ statistics: [CacheStatistics]) {
    let (rows, bytes) = (
      statistics.compactMap(\.meanReadRows), statistics.compactMap(\.meanReadBytes)
    )
    guard !rows.isEmpty, rows.count == statistics.count else { return nil }
    self.rows = rows.reduce(0, +) / Double(rows.count)
    self.bytes = bytes.reduce(0, +) / bytes.count
  }
}

extension TextTable {
  /// The columns of a table in which some policy reads a part of what it holds.
  static let readColumns: [Column] = [
    .init("rows read", .right, "rows per lane that a decode step reads, on average", leaves: 2),
    .init(
      "read", .right,
      "bytes of keys, values and page bounds that the attention of a step reads, on average"),
  ]
}

extension Optional<ReadMeasurement> {
  /// The cells of ``TextTable/readColumns``.
  var cells: [String] {
    map { [Quantities.fixed($0.rows, 0), Quantities.bytes($0.bytes)] } ?? ["-", "-"]
  }
}
