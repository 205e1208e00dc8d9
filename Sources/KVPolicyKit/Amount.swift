/// How much of a cache a policy may keep.
public enum Amount: Hashable, Sendable {
  /// Rows per lane.
  case rows(Int)

  /// The number of rows per lane.
  public var rows: Int {
    switch self {
    case .rows(let rows): rows
    }
  }
}
