/// One of the last queries, of a prompt or decoded, lent for one call.
@safe public struct PromptRow: ~Copyable, ~Escapable {
  // The slice holds `group × count` arrays of `stride` floats; the first `rows` of each are filled.

  /// The query's index among the queries lent, from 0 for the oldest.
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
  /// The logarithm of the sum of the exponentials of the query's logits, over all rows that the
  /// query saw when it was read: `exp(logit − logSum)` is the probability that it gave a row then.
  public func logSum(_ head: Int) -> Float {
    precondition(head >= 0 && head < group, "no such query head in the group")
    return slice.logSum(index, head)
  }
}

/// Computes the attention logits of the last queries when a policy asks for them.
package protocol PromptRowSource: AnyObject {
  /// Lends the logits of one lane in slices of consecutive queries, oldest first.
  func lend(of lane: LaneID, _ body: (borrowing PromptSlice) -> Void)
}

/// Consecutive queries at a prompt's end: `stride` logits for each query head of a lane's group and
/// each query.
@safe package struct PromptSlice {
  /// The index of the slice's first query among the prompt's last queries.
  package let first: Int
  /// How many queries the slice has.
  package let count: Int
  /// Floats from one query's logits to the next query's.
  package let stride: Int
  /// `group × count` arrays of `stride` logits.
  @unsafe package let base: UnsafePointer<Float>
  /// `logSumStride` numbers for each of the prompt's last queries, also those outside the slice;
  /// the first numbers belong to the lane's group.
  @unsafe private let logSums: UnsafePointer<Float>
  private let logSumStride: Int
  /// The positions of the prompt's last queries, also those outside the slice.
  private let positions: [Int]

  /// A slice of the prompt's last queries, whose positions are `positions`.
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
