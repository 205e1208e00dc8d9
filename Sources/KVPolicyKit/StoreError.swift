/// What can go wrong in the store. After any of these the sequence is as it was before the call.
public enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The pool's memory limit does not allow the pages that the next tokens need.
  case poolFull(neededPages: Int, freePages: Int, limitBytes: Int)
  /// A plan contradicts the cache.
  case badPlan(lane: LaneID, reason: String)
  /// The store cannot be made like this.
  case badSetting(String)

  /// The message shown to a person.
  public var description: String {
    switch self {
    case .poolFull(let needed, let free, let limit):
      "the cache is full: the next tokens need \(needed) pages and \(free) are free under the limit of "
        + "\(limit) bytes; evict rows, or raise the limit"
    case .badPlan(let lane, let reason):
      "the plan for layer \(lane.layer), head \(lane.head) cannot be carried out: \(reason)"
    case .badSetting(let reason): reason
    }
  }
}
