import KVPolicyKit

/// How the query heads of a group become one score, in methods that were published for caches by
/// query head.
enum HeadSharing: String, CaseIterable {
  case mean, max, sum
  /// No query heads share a score: each has a key head of its own.
  case perQueryHead
}

extension Settings {
  /// How the query heads of a group become one score. Default: their mean.
  mutating func headSharing() throws(PolicyError) -> GroupReduction {
    let sharing = try choice(
      "gqa", default: HeadSharing.mean, "how the query heads of a group become one score")
    if sharing == .perQueryHead { try refuseGroups("its score") }
    // The mean of one query head is its score.
    return GroupReduction(rawValue: sharing.rawValue) ?? .mean
  }

  /// Refuses a choice by query head where query heads share a key head; `what` is chosen.
  func refuseGroups(_ what: String) throws(PolicyError) {
    guard let shape, shape.group > 1 else { return }
    throw impossible(
      "a group of \(shape.group) query heads shares its keys, and so \(what); set 'gqa' to "
        + "\"mean\"")
  }
}
