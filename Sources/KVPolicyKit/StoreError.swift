/// What can go wrong in the store.
///
/// After an error of ``KVSequence/reserve(tokens:)`` or ``KVSequence/apply(_:)`` the sequence is as
/// it was before the call. An error in the middle of a chunk or step leaves some layers ahead of
/// others; the sequence then throws the same error at every later chunk or step. Only a policy's
/// bad plan or an operating system without memory can cause such an error.
public enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The pool's memory limit does not allow the pages that the next tokens need.
  case poolFull(neededPages: Int, freePages: Int, limitBytes: Int)
  /// The columns of the sequence's policies would outgrow the store's memory limit.
  case columnsFull(neededBytes: Int, limitBytes: Int)
  /// A plan contradicts the cache.
  case badPlan(lane: LaneID, reason: String)
  /// The store cannot be made like this.
  case badSetting(String)
  /// A call that the sequence cannot carry out: an impossible number of tokens, or a call in the
  /// middle of a chunk or step.
  case badRequest(String)

  /// The message shown to a person.
  public var description: String {
    switch self {
    case .poolFull(let needed, let free, let limit):
      "the cache is full: the next tokens need \(needed) pages and \(free) are free under the limit of "
        + "\(limit) bytes; evict rows, or raise the limit"
    case .columnsFull(let needed, let limit):
      "the policy's notes on the next tokens' rows would bring its columns to \(needed) bytes, beyond "
        + "the limit of \(limit); choose a smaller window or fewer voters, or raise the limit"
    case .badPlan(let lane, let reason):
      "the plan for layer \(lane.layer), head \(lane.head) cannot be carried out: \(reason)"
    case .badSetting(let reason), .badRequest(let reason): reason
    }
  }
}
