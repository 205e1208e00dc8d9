/// How much of a cache a policy may keep.
public enum Amount: Hashable, Sendable {
  /// Rows per lane.
  case rows(Int)

  /// The rows per lane that it comes to.
  public var rows: Int {
    switch self {
    case .rows(let rows): rows
    }
  }
}
