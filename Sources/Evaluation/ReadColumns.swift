import KVPolicyKit
import Reporting

extension [CacheStatistics] {
  /// The mean of the rows per lane that a decode step read; nil if one of the caches was read whole.
  var meanReadRows: Double? {
    let rows = compactMap(\.meanReadRows)
    return rows.isEmpty || rows.count < count ? nil : rows.reduce(0, +) / Double(count)
  }

  /// The mean of the bytes that the attention of a decode step read; nil if one of the caches was
  /// read whole.
  var meanReadBytes: Int? {
    let bytes = compactMap(\.meanReadBytes)
    return bytes.isEmpty || bytes.count < count ? nil : bytes.reduce(0, +) / count
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

  /// The cells of these columns.
  static func readCells(_ rows: Double?, _ bytes: Int?) -> [String] {
    [rows.map { Quantities.fixed($0, 0) } ?? "-", bytes.map(Quantities.bytes) ?? "-"]
  }
}
