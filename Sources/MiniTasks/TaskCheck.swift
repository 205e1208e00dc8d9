/// A part of a response that must be right, and where it is.
public struct TaskCheck: Equatable, Sendable {
  /// The kinds of checks.
  public enum Kind: String, CaseIterable, Sendable {
    /// An item holds the word that was given for this item alone.
    case once
    /// An item of a range holds the range's word, or the first item after the range holds the
    /// filler word.
    case range
    /// An item that completes a period holds the rule's word.
    case periodic
    /// The list has all its items in order, and ends after the last one.
    case completion
    /// The value of a key.
    case recall
    /// One word of a copied string, or the end of the string.
    case copy
    /// A chain of variables, down to its number.
    case variables
    /// An item or an answer of an earlier turn, repeated.
    case again
  }

  /// The kind of the check.
  public let kind: Kind
  /// The number of the item; for answers, the number of the question, from 1.
  public let item: Int
  /// The index of the first checked token in the true response.
  public let position: Int
  /// The index in the document of the line that the check depends on: a line of a prompt, or of an
  /// earlier answer for `Kind.again`.
  public internal(set) var source: Int

  /// The first token of the checked line.
  let header: Int
  /// The index of the first checked token in the checked line.
  let place: Int
  /// The tokens that must be there.
  let expected: [Int]

  /// Whether a line of a response passes the check. An answer must end where the true answer ends.
  /// Items and copies are checked token by token, so one mistake is one miss.
  func holds(in line: ArraySlice<Int>) -> Bool {
    let checked = line.dropFirst(place)
    return switch kind {
    case .recall, .variables, .again: checked.elementsEqual(expected)
    case .once, .range, .periodic, .copy, .completion: checked.starts(with: expected)
    }
  }
}
