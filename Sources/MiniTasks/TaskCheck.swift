/// One thing that a response must get right, and where.
public struct TaskCheck: Equatable, Sendable {
  /// What is checked.
  public enum Kind: String, CaseIterable, Sendable {
    /// An item holds the word given for it alone.
    case once
    /// An item of a range holds the range's word, or the first one after it does not any more.
    case range
    /// An item that completes a period holds the rule's word.
    case periodic
    /// The list has all its items in order, and ends after the last.
    case completion
    /// A key's value.
    case recall
    /// One word of a copied string, or the end of the string.
    case copy
    /// A chain of variables, down to its number.
    case variables
    /// An item or an answer of an earlier turn, written again.
    case again
  }

  /// What is checked.
  public let kind: Kind
  /// The number of the item, or for answers that of the question, from 1.
  public let item: Int
  /// Index in the true response of the first token that is checked.
  public let position: Int
  /// Index in the document of the line that must be remembered: of the prompt, or of an earlier answer
  /// for `Kind.again`.
  public internal(set) var source: Int

  /// The token with which the checked line of the response begins.
  let header: Int
  /// Place in that line of the first token that is checked.
  let place: Int
  /// What must be there.
  let expected: [Int]

  /// Whether a line of a response is right. Answers must end where the true one ends; items and copies are
  /// checked place by place, so one mistake is one miss.
  func holds(in line: ArraySlice<Int>) -> Bool {
    let checked = line.dropFirst(place)
    return switch kind {
    case .recall, .variables, .again: checked.elementsEqual(expected)
    case .once, .range, .periodic, .copy, .completion: checked.starts(with: expected)
    }
  }
}
