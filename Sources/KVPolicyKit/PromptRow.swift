/// One of the prompt's last queries, lent for one call.
@safe public struct PromptRow: ~Copyable, ~Escapable {
  // The slice holds `group × count` rows of `stride` floats, of which the lane's `rows` are filled.

  /// Which of the queries, from 0 for the oldest.
  public let index: Int
  /// The position of the query's token.
  public let position: Int
  private let slice: PromptSlice
  private let group: Int
  private let rows: Int

  @_lifetime(borrow slice)
  init(_ slice: borrowing PromptSlice, _ index: Int, group: Int, rows: Int) {
    self.index = slice.first + index
    position = slice.position(index)
    self.slice = copy slice
    self.group = group
    self.rows = rows
    precondition(rows <= slice.stride, "the signals are about another layer")
  }

  /// The query's logits for query head `head` of the group: one per row of the lane, −∞ where the
  /// row is later than the query.
  @_lifetime(borrow self)
  public func logits(_ head: Int) -> Span<Float> {
    precondition(head >= 0 && head < group, "no such query head in the group")
    let row = unsafe slice.base + (head * slice.count + index - slice.first) * slice.stride
    let values = unsafe UnsafeBufferPointer(start: row, count: rows)
    return unsafe _overrideLifetime(values.span, borrowing: self)
  }
}

extension PromptRow {
  /// The logarithm of the sum of the exponentials of the query's logits, over all rows that it saw
  /// when it was read: `exp(logit − logSum)` is the attention that it paid to a row then.
  public func logSum(_ head: Int) -> Float {
    precondition(head >= 0 && head < group, "no such query head in the group")
    return slice.logSum(index, head)
  }
}

/// Computes the logits of a prompt's last queries when a policy asks for them.
package protocol PromptRowSource: AnyObject {
  /// Lends the rows of one lane in slices of consecutive queries, oldest first.
  func lend(of lane: LaneID, _ body: (borrowing PromptSlice) -> Void)
}

/// Some consecutive queries of a prompt's end: for each query head of a lane's group, and each of
/// the queries, a row of `stride` logits.
@safe package struct PromptSlice {
  /// Which of the last queries the first one is.
  package let first: Int
  /// How many queries.
  package let count: Int
  /// Floats between two rows.
  package let stride: Int
  /// `group × count` rows.
  @unsafe package let base: UnsafePointer<Float>
  /// For each of the last queries, all of them, `logSumStride` numbers, of which the first are
  /// those of the lane's group.
  @unsafe private let logSums: UnsafePointer<Float>
  private let logSumStride: Int
  /// The positions of all the last queries.
  private let positions: [Int]

  /// A slice of the queries at `positions`.
  package init(
    first: Int, count: Int, stride: Int, base: UnsafePointer<Float>,
    logSums: UnsafePointer<Float>, logSumStride: Int, positions: [Int]
  ) {
    self.first = first
    self.count = count
    self.stride = stride
    unsafe self.base = unsafe base
    unsafe self.logSums = unsafe logSums
    self.logSumStride = logSumStride
    self.positions = positions
  }

  func position(_ index: Int) -> Int { positions[first + index] }

  func logSum(_ query: Int, _ head: Int) -> Float { unsafe logSums[query * logSumStride + head] }
}
