/// Something the engine computes only because a policy asked to see it.
///
/// "Logits" are scaled by `1/√headDimension` and not yet exponentiated; "probabilities" are their
/// softmax over the lane's rows, in float32.
public enum Signal: Hashable, Sendable {
  /// Decode: the new token's logits, per query head.
  case stepLogits
  /// Decode: the new token's probabilities, per query head.
  case stepProbabilities
  /// Prompt: logits of the last `n` queries read so far, per query head, over the rows present after
  /// the chunk; −∞ where a row is later than the query. Given when the prompt ends, and after every
  /// chunk if the cadence asks then.
  case promptRows(Int)
  /// Prompt: for each row, the sum of its probabilities over the chunk's queries, per query head.
  case promptColumnSums
}

/// Numbers that a policy attaches to every row of every lane.
///
/// They move, fork and leave with the row, so they can never belong to another token.
public struct Column: Hashable, Sendable {
  /// What it holds, for statistics.
  public let name: String
  /// Numbers per row: 1, or the width of a ring.
  public let width: Int
  /// What a new row's numbers are.
  public let initial: Float
  /// Numbers that one voter has in a row, in a column of ``votes(_:voters:heads:)``; 0 in any other.
  let heads: Int

  /// One number per row.
  public static func scalar(_ name: String, initial: Float = 0) -> Column {
    Column(name: name, width: 1, initial: initial, heads: 0)
  }

  /// `width` numbers per row, each entry contiguous over the rows.
  public static func ring(_ name: String, width: Int, initial: Float = 0) -> Column {
    precondition(width > 0, "a ring column needs a positive width")
    return Column(name: name, width: width, initial: initial, heads: 0)
  }

  /// A ring of votes: `heads` numbers of each of `voters` queries about every row that was there when
  /// the query was.
  ///
  /// What a query says of a row that came later is undefined, and nobody may depend on it: so neither a
  /// new row nor one that moves touches the votes from before its time, which are nearly all. The
  /// numbers lie in tiles of eight rows, so that all votes about a row are close together; they are
  /// written and read by ``LaneView/remember(_:column:entry:horizon:)``, by
  /// `LaneView.countVote` and by ``RunningVotes``, not as spans: asking for one is a mistake in the
  /// policy's code and traps.
  public static func votes(_ name: String, voters: Int, heads: Int) -> Column {
    precondition(voters > 0 && heads > 0, "a column of votes needs voters and heads")
    return Column(name: name, width: voters * heads, initial: 0, heads: heads)
  }
}

/// When a policy is asked to evict.
public struct Cadence: Hashable, Sendable {
  /// When in the prompt.
  public enum Prompt: Hashable, Sendable {
    /// Not during the prompt.
    case never
    /// Once, after its last chunk.
    case atEnd
    /// After each of its chunks.
    case everyChunk
  }

  /// When in the prompt.
  public var prompt: Prompt
  /// Every so many decode steps; 0 for never.
  public var every: Int

  /// Names a cadence.
  public init(prompt: Prompt, every: Int) {
    precondition(every >= 0, "a cadence is a number of steps, or 0 for never")
    self.prompt = prompt
    self.every = every
  }

  /// Never asked.
  public static let never = Cadence(prompt: .never, every: 0)
  /// Asked once, when the prompt ends.
  public static let afterPrompt = Cadence(prompt: .atEnd, every: 0)
}

/// The position at which a key is rotated (RoPE) when it is read.
///
/// Under every rule but `original` the store holds keys un-rotated and the engine rotates them at read,
/// so that no key is ever rotated twice.
public enum PositionRule: String, CaseIterable, Hashable, Sendable {
  /// The token's index in the text.
  case original
  /// Its rank among the rows its lane still holds: 0, 1, 2… without gaps (StreamingLLM §3.2).
  case compacted
  /// Where a plan last placed it (`CachePlan.place`); a new row comes one after the lane's furthest.
  case placed
}

/// When in a decode step a policy evicts.
public enum Phase: String, Hashable, Sendable {
  /// Before the new token is attended with: `evict` does not know its attention, which is over the survivors
  /// alone, and is shown to `step` afterwards, beside the computation of the output (MorphKV).
  case beforeStep
  /// After `step` has seen the new token's attention, and before its output, which is computed from the
  /// survivors. Their probabilities are computed for both.
  case beforeOutput
  /// After: the output still uses what is then dropped (H2O, TOVA, StreamingLLM).
  case afterOutput
}

/// Which lanes one call of `evict` decides about together.
public enum Scope: String, Hashable, Sendable {
  /// The lanes of one layer.
  case layer
  /// Every lane of the policy's layers, once per chunk or step, after the last layer.
  case sequence
}
