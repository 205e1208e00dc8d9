/// Something the engine computes only if a policy asks for it.
///
/// "Logits" are attention logits: scaled by `1/√headDimension`, not yet exponentiated.
/// "Probabilities" are their softmax over the lane's rows, in float32.
public enum Signal: Hashable, Sendable, CustomStringConvertible {
  /// Decode: the new token's logits, per query head.
  case stepLogits
  /// Decode: the new token's probabilities, per query head.
  case stepProbabilities
  /// Prompt: logits of the last `n` queries read so far, per query head, over the rows present
  /// after the chunk; −∞ where a row is later than the query. Given when the prompt ends and, under
  /// cadence `everyChunk`, after every chunk. Lent one query at a time
  /// (``LaneView/forEachPromptRow(_:)``), so that the logits of all `n` queries never take memory
  /// together. Where a ``Probe`` is read, its queries, all of them, are lent instead.
  case promptRows(Int)
  /// The logits of the last `n` queries, in the prompt as `promptRows` and in decode steps too: the
  /// queries of the newest tokens, whether they belong to a prompt or were decoded. The engine
  /// keeps `n` queries per query head of a layer, and computes their logits only if a hook asks
  /// (``LaneView/forEachRecentRow(_:)``).
  case recentRows(Int)
  /// The queries of the tokens just read, per query head: un-rotated, or rotated at their
  /// positions. Given after every chunk and step.
  case queries(Turned)
  /// What a layer's projections read of the tokens just read: their hidden states after the input
  /// norm (``LaneView/layerInput(_:)``). Given after every chunk and step. A policy whose artifact
  /// was trained on vectors of one width names it, and a sequence then reads no token of a model
  /// of another width.
  case layerInput(width: Int? = nil)
  /// How far a row's value moves the residual stream: a norm of `W v` for the value v and the
  /// columns W of the output projection that belong to a query head. Computed for the rows that a
  /// hook asks about (``LaneView/valueReach(of:by:)``).
  case valueReach
  /// Prompt: for each row, the sum of its probabilities over the chunk's queries, per query head.
  case promptColumnSums

  /// The signal's name and its argument, as `kvpolicy policies` lists them.
  public var description: String {
    switch self {
    case .stepLogits: "stepLogits"
    case .stepProbabilities: "stepProbabilities"
    case .promptRows(let count): "promptRows(\(count))"
    case .recentRows(let count): "recentRows(\(count))"
    case .queries(let turned): "queries(\(turned.rawValue))"
    case .layerInput(let width): width.map { "layerInput(\($0))" } ?? "layerInput"
    case .valueReach: "valueReach"
    case .promptColumnSums: "promptColumnSums"
    }
  }
}

/// How far a vector reaches, for the signal ``Signal/valueReach``.
public enum ReachNorm: Hashable, Sendable {
  /// The sum of magnitudes.
  case sum
  /// The square root of the sum of squares.
  case euclidean
}

/// The signals that a policy declared, resolved once for an engine.
package struct SignalSet: Hashable, Sendable {
  /// Whether the policy declared `stepLogits`.
  package var stepLogits = false
  /// Whether the policy declared `stepProbabilities`.
  package var stepProbabilities = false
  /// How many queries `promptRows` asks for; 0 if the policy did not declare it.
  package var promptRows = 0
  /// How many queries `recentRows` asks for; 0 if the policy did not declare it.
  package var recentRows = 0
  /// Whether the policy declared `queries(.raw)`.
  package var rawQueries = false
  /// Whether the policy declared `queries(.atPosition)`.
  package var turnedQueries = false
  /// Whether the policy declared `layerInput`.
  package var layerInput = false
  /// The width that `layerInput` names; nil for any.
  package var inputWidth: Int?
  /// Whether the policy declared `valueReach`.
  package var valueReach = false
  /// Whether the policy declared `promptColumnSums`.
  package var promptColumnSums = false

  /// Resolves declared signals.
  package init(_ signals: Set<Signal> = []) {
    for signal in signals {
      switch signal {
      case .stepLogits: stepLogits = true
      case .stepProbabilities: stepProbabilities = true
      case .promptRows(let count): promptRows = max(promptRows, count)
      case .recentRows(let count): recentRows = max(recentRows, count)
      case .queries(.raw): rawQueries = true
      case .queries(.atPosition): turnedQueries = true
      case .layerInput(let width):
        layerInput = true
        inputWidth = [inputWidth, width].compactMap { $0 }.max()
      case .valueReach: valueReach = true
      case .promptColumnSums: promptColumnSums = true
      }
    }
  }

  /// How many queries the engine keeps: while a prompt is read, or in a decode step.
  package func keptQueries(inPrompt: Bool) -> Int {
    inPrompt ? max(promptRows, recentRows) : recentRows
  }
}

/// Numbers that a policy attaches to every row of every lane.
///
/// The numbers move, fork and disappear with their row, so they never belong to another token.
///
/// ``PolicyAssignment`` refuses a policy with a column of fewer than one number per row.
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

  /// What the column holds, for statistics.
  public let name: String
  /// How the column's numbers are stored.
  public let element: Element
  /// Numbers per row: 1, or the width of a ring.
  public let width: Int
  /// The initial value of a new row's numbers; 0 for bytes and counts.
  public let initial: Float

  /// Bytes per row; `Int.max` if the product overflows.
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
    Column(name: name, element: .float, width: width, initial: initial)
  }

  /// `width` numbers of type `element` per row, each entry contiguous over the rows, initially 0.
  public static func ring(_ name: String, width: Int, of element: Element) -> Column {
    Column(name: name, element: element, width: width, initial: 0)
  }
}

/// When a policy is asked to evict.
public struct Cadence: Hashable, Sendable {
  /// When in the prompt a policy is asked.
  public enum Prompt: Hashable, Sendable {
    /// Not during the prompt.
    case never
    /// Once, after the last chunk.
    case atEnd
    /// After every chunk.
    case everyChunk
  }

  /// At which decode steps the engine calls `step`.
  public enum Looks: Hashable, Sendable {
    /// At every step, with the declared signals.
    case always
    /// Only at the steps that `every` selects. At all other steps the engine computes nothing for
    /// the policy and does not call `step`.
    case whenAsked
  }

  /// At which decode steps a policy is asked.
  public enum Steps: Hashable, Sendable {
    /// At every so many decode steps; 0 for never.
    case every(Int)
    /// At the steps before which the number of tokens read, the prompt's included, plus `offset` is
    /// a multiple of the first number.
    case everyTotal(Int, offset: Int)
    /// At the steps that follow a forward pass whose likeliest next token is one of these, whatever
    /// token was read then.
    case afterPredicted(Set<Int>)
  }

  /// When in the prompt the policy is asked.
  public var prompt: Prompt
  /// At which decode steps the policy is asked.
  public var steps: Steps
  /// The policy is asked only if some lane it would decide about has at least `slack` rows more
  /// than after the lane's last cut; 0 for always.
  public var slack: Int
  /// The longest prompt chunk that the policy may be shown; the engine cuts prompts into chunks of
  /// at most this length. Nil: the engine chooses.
  public var chunk: Int?
  /// At which decode steps the engine calls `step`.
  public var looks: Looks

  /// The policy is asked at every `every`-th decode step; 0 for never, or where `steps` says it in
  /// another way.
  public var every: Int {
    get { if case .every(let count) = steps { count } else { 0 } }
    set { steps = .every(newValue) }
  }

  /// Makes a cadence that counts decode steps. ``PolicyAssignment`` refuses a policy with a
  /// negative `every` or `slack`, or with chunks of no token.
  public init(
    prompt: Prompt, every: Int, slack: Int = 0, chunk: Int? = nil, looks: Looks = .always
  ) {
    self.init(prompt: prompt, steps: .every(every), slack: slack, chunk: chunk, looks: looks)
  }

  /// Makes a cadence. ``PolicyAssignment`` refuses a policy with numbers out of range.
  public init(
    prompt: Prompt, steps: Steps, slack: Int = 0, chunk: Int? = nil, looks: Looks = .always
  ) {
    self.prompt = prompt
    self.steps = steps
    self.slack = slack
    self.chunk = chunk
    self.looks = looks
  }

  /// Never asked.
  public static let never = Cadence(prompt: .never, every: 0)
  /// Asked once, when the prompt ends.
  public static let afterPrompt = Cadence(prompt: .atEnd, every: 0)

  /// Whether the policy is asked in decode steps at all.
  public var asksInSteps: Bool { steps != .every(0) }

  /// Whether a policy of this cadence is due at `moment`; `slack` may still say no.
  ///
  /// - Parameters:
  ///   - tokens: tokens read before the moment.
  ///   - predicted: the likeliest token after those tokens, if it is known.
  package func asks(at moment: Moment, after tokens: Int, predicted: Int?) -> Bool {
    switch moment {
    case .chunk(_, let isLast): prompt == .everyChunk || (prompt == .atEnd && isLast)
    case .step(let index):
      switch steps {
      case .every(let count): count > 0 && index % count == 0
      case .everyTotal(let count, let offset): (tokens + offset) % count == 0
      case .afterPredicted(let ids): predicted.map(ids.contains) ?? false
      }
    }
  }
}

/// Rows that always stay, chosen by their positions in the text. The store refuses a plan that
/// drops a protected row.
public struct Protection: Hashable, Sendable {
  /// How many of the first positions are protected.
  public var sinks: Int
  /// How many of the last positions read are protected.
  public var recent: Int

  /// Makes a protection; by default it protects no row. A negative number protects none, and
  /// ``PolicyAssignment`` refuses a policy that declares one.
  public init(sinks: Int = 0, recent: Int = 0) {
    self.sinks = sinks
    self.recent = recent
  }

  /// The positions that are *not* protected after `length` tokens were read.
  public func exposed(of length: LogicalLength) -> Range<Int32> {
    let (first, recent) = (Int32(clamping: max(0, sinks)), max(0, recent))
    let end = length.tokens > recent ? Int32(clamping: length.tokens - recent) : 0
    return first..<max(first, end)
  }
}

/// The position at which a key is rotated (RoPE) when it is read.
///
/// Under every rule but `original` the store holds un-rotated keys and the engine rotates them when
/// it reads them, so no key is ever rotated twice.
public enum PositionRule: String, CaseIterable, Hashable, Sendable {
  /// The token's index in the text.
  case original
  /// The token's rank among the rows that its lane still holds: 0, 1, 2… without gaps (StreamingLLM
  /// §3.2).
  case compacted
  /// Where a plan last placed the row (`CachePlan.place`); a new row gets the place after the
  /// lane's furthest place.
  case placed
}

/// When in a decode step a policy evicts.
public enum Phase: String, Hashable, Sendable {
  /// Before attention: `evict` is lent no signals, because none exist yet. `step` then sees the new
  /// token's attention over the surviving rows, while the output is computed.
  case beforeStep
  /// After `step` has seen the new token's attention and before the attention output, which is
  /// computed from the surviving rows. Probabilities are computed once for `step` and again for the
  /// output.
  case beforeOutput
  /// After the attention output, which still uses the rows that are then dropped (H2O, TOVA,
  /// StreamingLLM).
  case afterOutput
}

/// Which lanes one call of `evict` decides about together.
public enum Scope: String, Hashable, Sendable {
  /// The lanes of one layer. `evict` is lent the signals of the layer's last hook, except in a
  /// decode step under phase `beforeStep`.
  case layer
  /// Every lane of the policy's layers, once per chunk or step, after the last layer. `evict` is
  /// lent no signals: `prefill` and `step` see the signals and remember what `evict` needs.
  case sequence
}
