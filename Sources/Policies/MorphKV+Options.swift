import KVPolicyKit

/// The settings of ``MorphKV``. Defaults are the official code's for Mistral, Qwen and Phi ("variant A"),
/// but for `attendMask`.
struct MorphKVOptions: Sendable {
  enum Fusion: String, CaseIterable { case sum, max }
  enum Reduction: String, CaseIterable { case maxOfProbabilities, sumOfLogits, meanOfProbabilities }
  enum Rows: String, CaseIterable {
    case windowMinusOne = "W-1"
    case window = "W"
  }
  enum Normaliser: String, CaseIterable { case distantOnly, allVisible }
  enum AttendMask: String, CaseIterable { case perKVHead, perQueryHead }
  enum PrunePrompt: String, CaseIterable { case atFirstDecode, atPrefillEnd }
  enum ShortPrompt: String, CaseIterable { case official, grow }

  let window: Int
  let capacity: Int
  let fusion: Fusion
  let reduction: Reduction
  let rows: Rows
  let includeCurrentQuery: Bool
  let normaliser: Normaliser
  let attendMask: AttendMask
  let prunePrompt: PrunePrompt
  let burst: Double
  let sinks: Int
  let shortPrompt: ShortPrompt

  init(_ settings: inout Settings) throws(PolicyError) {
    window = try settings.integer(
      "window", default: 32, atLeast: 2,
      "recent tokens: their attention votes, and they always stay")
    capacity = try settings.integer(
      "capacity", default: 1024, atLeast: 3,
      "tokens kept beside the current one, the window included")
    fusion = try settings.choice("fusion", default: .sum, "how the votes of the window are joined")
    reduction = try settings.choice(
      "gqa", default: .maxOfProbabilities, "how the query heads of a group become one vote")
    rows = try settings.choice(
      "rows", default: .windowMinusOne, "how many queries vote; the official code takes one less")
    includeCurrentQuery = try settings.flag(
      "includeCurrentQuery", default: false, "whether the current token votes on its own step")
    normaliser = try settings.choice(
      "normaliser", default: .distantOnly, "what a vote's softmax runs over")
    attendMask = try settings.choice(
      "attendMask", default: .perKVHead,
      "what the current output reads: the key head's survivors, or each query head's own choice")
    prunePrompt = try settings.choice(
      "prunePrompt", default: .atFirstDecode, "when a prompt longer than the capacity is pruned")
    burst = try settings.number(
      "burst", default: 1, in: 1...64, "evict only when the cache has grown by this factor")
    sinks = try settings.integer(
      "sinks", default: 0, atLeast: 0, "first tokens that always stay, within the capacity")
    shortPrompt = try settings.choice(
      "shortPrompt", default: .official,
      "after a prompt shorter than the window: only as many vote for ever, or the number grows")
    guard capacity > window else {
      throw settings.impossible(
        "capacity (\(capacity)) must exceed window (\(window)), which always stays")
    }
    guard sinks <= capacity - window else {
      throw settings.impossible(
        "sinks (\(sinks)) must fit in capacity − window (\(capacity - window))")
    }
  }

  /// Queries that vote when enough were read.
  var voters: Int { rows == .window ? window : window - 1 }
  /// Before the new token is looked at, unless it votes on its own step or its heads choose apart what they
  /// read: both need its logits.
  var phase: Phase {
    includeCurrentQuery || attendMask == .perQueryHead ? .beforeOutput : .beforeStep
  }
  /// Queries remembered that do not vote: the current one, where it is recorded before the others decide.
  var silent: Int { phase == .beforeOutput && !includeCurrentQuery ? 1 : 0 }
  /// Queries to remember.
  var ringLength: Int { voters + silent }
  /// Entries that a voter takes in the ring: one per query head of the group, or one for their summed
  /// logits, or both where the heads also choose apart.
  func entriesPerVoter(group: Int) -> Int {
    guard sumsLogits(group: group) else { return group }
    return attendMask == .perQueryHead ? group + 1 : 1
  }

  /// The entries, counted from a voter's first, that the votes of `queries` are in. The summed logits
  /// come last.
  func entries(of queries: Range<Int>, group: Int) -> Range<Int> {
    guard sumsLogits(group: group), queries.count == group else { return queries }
    let last = entriesPerVoter(group: group) - 1
    return last..<last + 1
  }

  /// Whether the row to drop can be found from running counts: where votes are about distant rows alone,
  /// each row's is the largest of the heads', and no row is protected by anything but its age.
  func allowsRunningVotes(group: Int) -> Bool {
    normaliser == .distantOnly && phase == .beforeStep && sinks == 0
      && burstTrigger <= capacity + 2 && (reduction == .maxOfProbabilities || group == 1)
  }

  /// Whether summed logits differ from those of the heads.
  func sumsLogits(group: Int) -> Bool { reduction == .sumOfLogits && group > 1 }

  /// Rows, the current one included, at which a burst ends.
  var burstTrigger: Int { Int((Double(1 + capacity) * burst).rounded(.up)) }
}
