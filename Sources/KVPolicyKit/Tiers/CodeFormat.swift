/// How keys or values are stored as small integers, the codes: `element ≈ code × scale + zero`.
///
/// A group of elements shares a scale and a zero, which are floats. Of a group, the zero is the
/// least element, and the scale the range divided by the greatest code. So codes are asymmetric,
/// and a group of equal elements is as exact as its zero.
public struct CodeFormat: Hashable, Sendable {
  /// What the elements of a group have in common.
  public enum Grouping: Hashable, Sendable {
    /// Consecutive channels of one row.
    case ofRow
    /// The same channel of consecutive rows. Rows are then stored in whole groups only.
    case ofChannel
  }

  /// Bits that a code counts with: 2, 3, 4 or 8. Codes of 3 bits take the memory of 4. 0: elements
  /// are floats, see ``floats``.
  public let bits: Int
  /// Elements that share a scale and a zero.
  public let group: Int
  /// What the elements of a group have in common.
  public let grouping: Grouping
  /// Rows that are stored in one block of memory where groups are of rows. Attention reads large
  /// blocks faster; small ones waste less memory where a lane has few such rows, or where rows
  /// become codes in any order.
  public let blockRows: Int

  /// The legal numbers of bits.
  public static let legalBits = [2, 3, 4, 8]
  /// The legal numbers of elements in a group.
  public static let legalGroups = 1...256
  /// The legal numbers of rows in a block.
  public static let legalBlockRows = 1...64

  /// A format; ``problem(width:)`` tells whether a cache can have it.
  public init(bits: Int, group: Int, _ grouping: Grouping, blockRows: Int = 16) {
    self.bits = bits
    self.group = group
    self.grouping = grouping
    self.blockRows = blockRows
  }

  /// Floats of 16 bits, or of 32 bits in a store of such rows: for keys that lose channels, and for
  /// values that are stored beside such keys.
  public static let floats = CodeFormat(bits: 0, group: 1, .ofRow)

  /// Why keys of `width` channels cannot be stored so, and what is legal; nil if they can.
  public func problem(width: Int) -> String? {
    if self == .floats { return nil }
    guard CodeFormat.legalBits.contains(bits) else {
      return "codes of \(bits) bits are not possible; use 2, 3, 4 or 8"
    }
    guard CodeFormat.legalGroups.contains(group) else {
      return "groups of \(group) elements are not possible; use 1 to 256"
    }
    guard CodeFormat.legalBlockRows.contains(blockRows) else {
      return "blocks of \(blockRows) rows are not possible; use 1 to 64"
    }
    guard grouping == .ofChannel || width.isMultiple(of: group) else {
      return "groups of \(group) channels do not divide the \(width) channels of a row; use a "
        + "divisor of \(width)"
    }
    return nil
  }

  /// Bits that a code takes in memory.
  var storedBits: Int { bits == 3 ? 4 : bits }
  /// The greatest code.
  var greatestCode: Int { (1 << bits) - 1 }
}

/// How a layer's rows may be stored besides the store's own format.
public struct Tier: Hashable, Sendable {
  /// The codes of keys.
  public let keys: CodeFormat
  /// The codes of values.
  public let values: CodeFormat

  /// A tier of these formats.
  public init(keys: CodeFormat, values: CodeFormat) {
    self.keys = keys
    self.values = values
  }
}
