/// Something the engine computes only because a policy asked to see it.
///
/// "Logits" are scaled by `1/√headDimension` and not yet exponentiated; "probabilities" are their
/// softmax over the lane's rows, in float32.
public enum Signal: Hashable, Sendable {
  /// Decode: the new token's logits, per query head.
  case stepLogits
  /// Decode: the new token's probabilities, per query head.
  case stepProbabilities
  /// Prompt: logits of the last `n` queries read so far, per query head, over the rows present
  /// after the chunk; −∞ where a row is later than the query. Given when the prompt ends, and after
  /// every chunk if the cadence asks then. Lent one query at a time
  /// (``LaneView/forEachPromptRow(_:)``), so that many queries take no memory at once.
  case promptRows(Int)
  /// Prompt: for each row, the sum of its probabilities over the chunk's queries, per query head.
  case promptColumnSums
}

/// The signals that a policy declared, resolved once for an engine.
package struct SignalSet: Hashable, Sendable {
  /// Whether `stepLogits` is among them.
  package var stepLogits = false
  /// Whether `stepProbabilities` is among them.
  package var stepProbabilities = false
  /// How many queries `promptRows` asks for; 0 if it is not among them.
  package var promptRows = 0
  /// Whether `promptColumnSums` is among them.
  package var promptColumnSums = false

  /// Resolves declared signals.
  package init(_ signals: Set<Signal> = []) {
    for signal in signals {
      switch signal {
      case .stepLogits: stepLogits = true
      case .stepProbabilities: stepProbabilities = true
      case .promptRows(let count): promptRows = max(promptRows, count)
      case .promptColumnSums: promptColumnSums = true
      }
    }
  }
}

/// Numbers that a policy attaches to every row of every lane.
///
/// They move, fork and leave with the row, so they can never belong to another token.
public struct Column: Hashable, Sendable {
  /// How a number is stored.
  public enum Element: String, Hashable, Sendable {
    /// A `Float`: 4 bytes. Read by ``LaneView/column(_:entry:)``.
    case float
    /// A `UInt8`. Read by ``LaneView/bytes(_:entry:)``.
    case byte
    /// A `UInt32`: 4 bytes. Read by ``LaneView/counts(_:entry:)``.
    case count

    /// Bytes of one number.
    public var size: Int { self == .byte ? 1 : 4 }
  }

  /// What it holds, for statistics.
  public let name: String
  /// How its numbers are stored.
  public let element: Element
  /// Numbers per row: 1, or the width of a ring.
  public let width: Int
  /// What a new row's numbers are; 0 for bytes and counts.
  public let initial: Float

  /// Bytes per row; `Int.max` if no number holds them.
  public var rowBytes: Int {
    let (bytes, overflows) = width.multipliedReportingOverflow(by: element.size)
    return overflows ? .max : bytes
  }

  /// One float per row.
  public static func scalar(_ name: String, initial: Float = 0) -> Column {
    Column(name: name, element: .float, width: 1, initial: initial)
  }

  /// `width` floats per row, each entry contiguous over the rows.
  public static func ring(_ name: String, width: Int, initial: Float = 0) -> Column {
    precondition(width > 0, "a ring column needs a positive width")
    return Column(name: name, element: .float, width: width, initial: initial)
  }

  /// `width` numbers of another kind per row, each entry contiguous over the rows; at first 0.
  public static func ring(_ name: String, width: Int, of element: Element) -> Column {
    precondition(width > 0, "a ring column needs a positive width")
    return Column(name: name, element: element, width: width, initial: 0)
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

  /// At which decode steps a policy looks.
  public enum Looks: Hashable, Sendable {
    /// At every step: `step` is called, with the declared signals.
    case always
    /// At those that end with `evict` only. At others nothing is computed for the policy, and
    /// `step` is not called.
    case whenAsked
  }

  /// When in the prompt.
  public var prompt: Prompt
  /// Every so many decode steps; 0 for never.
  public var every: Int
  /// Asked only if some lane of those to decide about has at least so many rows more than after it
  /// was last cut. 0: always.
  public var slack: Int
  /// The longest chunk of a prompt that the policy may be shown: the engine cuts prompts to it.
  /// Nil: as the engine likes.
  public var chunk: Int?
  /// At which decode steps the policy looks.
  public var looks: Looks

  /// Names a cadence.
  public init(
    prompt: Prompt, every: Int, slack: Int = 0, chunk: Int? = nil, looks: Looks = .always
  ) {
    precondition(every >= 0, "a cadence is a number of steps, or 0 for never")
    precondition(slack >= 0, "slack is a number of rows")
    precondition((chunk ?? 1) > 0, "a chunk has at least one token")
    self.prompt = prompt
    self.every = every
    self.slack = slack
    self.chunk = chunk
    self.looks = looks
  }

  /// Never asked.
  public static let never = Cadence(prompt: .never, every: 0)
  /// Asked once, when the prompt ends.
  public static let afterPrompt = Cadence(prompt: .atEnd, every: 0)

  /// Whether a policy of this cadence is asked now, as far as time goes: `slack` may still say no.
  package func asks(at moment: Moment) -> Bool {
    switch moment {
    case .chunk(_, let isLast): prompt == .everyChunk || (prompt == .atEnd && isLast)
    case .step(let index): every > 0 && index % every == 0
    }
  }
}

/// Rows that always stay, by their positions in the text. The store refuses a plan that drops one.
public struct Protection: Hashable, Sendable {
  /// So many of the first positions.
  public var sinks: Int
  /// So many of the last positions read.
  public var recent: Int

  /// Names a protection; by default of nothing.
  public init(sinks: Int = 0, recent: Int = 0) {
    precondition(sinks >= 0 && recent >= 0, "a protection is two numbers of positions")
    self.sinks = sinks
    self.recent = recent
  }

  /// The positions that are *not* protected when so many tokens have been read.
  public func exposed(of length: LogicalLength) -> Range<Int32> {
    let first = Int32(clamping: sinks)
    return first..<max(first, Int32(clamping: length.tokens - recent))
  }
}

/// The position at which a key is rotated (RoPE) when it is read.
///
/// Under every rule but `original` the store holds keys un-rotated and the engine rotates them at
/// read, so that no key is ever rotated twice.
public enum PositionRule: String, CaseIterable, Hashable, Sendable {
  /// The token's index in the text.
  case original
  /// Its rank among the rows its lane still holds: 0, 1, 2… without gaps (StreamingLLM §3.2).
  case compacted
  /// Where a plan last placed it (`CachePlan.place`); a new row comes one after the lane's
  /// furthest.
  case placed
}

/// When in a decode step a policy evicts.
public enum Phase: String, Hashable, Sendable {
  /// Before the new token is attended with: `evict` is lent no signals, since there are none yet.
  /// The new token's attention, over the survivors alone, is shown to `step` afterwards, beside the
  /// computation of the output.
  case beforeStep
  /// After `step` has seen the new token's attention, and before its output, which is computed from
  /// the survivors. Their probabilities are computed for both.
  case beforeOutput
  /// After: the output still uses what is then dropped (H2O, TOVA, StreamingLLM).
  case afterOutput
}

/// Which lanes one call of `evict` decides about together.
public enum Scope: String, Hashable, Sendable {
  /// The lanes of one layer. `evict` is lent the signals of the layer's last hook, except in a
  /// decode step under phase `beforeStep`.
  case layer
  /// Every lane of the policy's layers, once per chunk or step, after the last layer. `evict` is
  /// lent no signals: `prefill` and `step` see them and remember what they need.
  case sequence
}
