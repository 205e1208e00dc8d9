/// How a prompt is read once more after it ends, as a ``Probe``.
///
/// The prompt is divided into parts of `chunk` tokens. A part is read after an instruction:
///
/// ```text
/// first part    opening                          suffix  tokens 0..<chunk
/// later parts   continuation  the last `overlap`  suffix  the next `chunk` tokens
///                             tokens before it
/// ```
public struct PromptRepetition: Hashable, Sendable {
  /// Tokens of the instruction before the first part.
  public var opening: [Int]
  /// Tokens of the instruction before later parts.
  public var continuation: [Int]
  /// Tokens between an instruction and its part.
  public var suffix: [Int]
  /// How many of the first tokens of the text are not repeated.
  public var prefix: Int
  /// How many tokens of the part before it follow the instruction of a later part; all, if the part
  /// has fewer.
  public var overlap: Int
  /// The longest part, in tokens.
  public var chunk: Int

  /// Says how a prompt is repeated. ``PolicyAssignment`` refuses a policy with negative tokens or
  /// numbers, or with parts of no token.
  public init(
    opening: [Int] = [], continuation: [Int] = [], suffix: [Int] = [], prefix: Int = 0,
    overlap: Int = 0, chunk: Int
  ) {
    self.opening = opening
    self.continuation = continuation
    self.suffix = suffix
    self.prefix = prefix
    self.overlap = overlap
    self.chunk = chunk
  }

  /// The tokens that are not of the prompt.
  package var tokens: [Int] { opening + continuation + suffix }

  /// Why no engine can read it; nil if engines can.
  var defect: String? {
    if chunk < 1 { return "parts of \(chunk) tokens repeat nothing; use 1 or more" }
    if prefix < 0 || overlap < 0 {
      return "a prefix of \(prefix) and an overlap of \(overlap) tokens are not possible; use 0 or "
        + "more"
    }
    return tokens.first { $0 < 0 }.map { "\($0) is no token; tokens are 0 or more" }
  }

  /// One part with its instruction.
  package struct Part: Hashable, Sendable {
    /// A row of the probe.
    package enum Row: Hashable, Sendable {
      /// A token of the instruction.
      case token(Int)
      /// The token of the prompt at a position in the text.
      case position(Int)
    }

    /// All rows, in order.
    package let rows: [Row]
    /// The positions of the tokens that the part repeats, without the overlap.
    package let repeated: Range<Int>
  }

  /// The parts of a prompt at these positions in the text; none if the prompt lies in the prefix.
  package func parts(of prompt: Range<Int>) -> [Part] {
    let first = max(prompt.lowerBound, min(prefix, prompt.upperBound))
    return stride(from: first, to: prompt.upperBound, by: chunk).map { start in
      let repeated = start..<start + min(chunk, prompt.upperBound - start)
      let before = start - min(overlap, chunk, start - first)..<start
      let instruction = start == first ? opening : continuation
      return Part(
        rows: instruction.map { .token($0) } + before.map { .position($0) }
          + suffix.map { .token($0) } + repeated.map { .position($0) },
        repeated: repeated)
    }
  }
}
