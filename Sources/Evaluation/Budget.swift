import KVPolicyKit

/// A budget as typed: rows per lane, bytes per sequence, or a share of tokens.
package enum Budget: Hashable, Sendable {
  /// A number of rows per lane: `512`.
  case rows(Int)
  /// Bytes of a sequence, over all layers: `1MiB`.
  case bytes(Int)
  /// A share of a document's or prompt's tokens, at most 1: `1/4`.
  case share(Int, of: Int)

  /// The units of bytes, each with its size.
  private static let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)]

  /// Why a text is no budget.
  package struct Mistake: Error, Equatable {
    /// What is wrong and what is legal.
    package let reason: String
  }

  /// Reads a budget.
  ///
  /// - Parameter name: the option or member that the text is the value of, for errors.
  package init(_ text: String, named name: String) throws(Mistake) {
    let unit = Budget.units.first { text.hasSuffix($0.0) }
    if let unit {
      guard let count = Budget.count(text.dropLast(unit.0.count)) else {
        throw Budget.malformed(text, name)
      }
      let (bytes, overflows) = count.multipliedReportingOverflow(by: unit.1)
      guard !overflows, Amount.legalBytes.contains(bytes) else {
        throw Mistake(
          reason: "\(name) cannot be '\(text)'; a budget in bytes is from 1B to "
            + "\(Amount.legalBytes.upperBound >> 30)GiB")
      }
      self = .bytes(bytes)
      return
    }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let numbers = parts.compactMap(Budget.count)
    let areLegal = numbers.allSatisfy(Amount.legalRows.contains)
    guard numbers.count == parts.count, parts.count <= 2, areLegal else {
      throw Budget.malformed(text, name)
    }
    guard numbers.count == 2 else {
      self = .rows(numbers[0])
      return
    }
    guard numbers[0] <= numbers[1] else {
      throw Mistake(
        reason: "\(name) cannot be '\(text)'; a share of the tokens is at most 1, such as 1/4")
    }
    self = .share(numbers[0], of: numbers[1])
  }

  /// An integer in digits; nil for any other text.
  private static func count(_ digits: Substring) -> Int? {
    digits.allSatisfy { $0.isASCII && $0.isNumber } ? Int(digits) : nil
  }

  private static func malformed(_ text: String, _ name: String) -> Mistake {
    Mistake(
      reason: "\(name) cannot be '\(text)'; a budget is a number of rows, such as 512, a share of "
        + "the tokens, such as 1/4, or bytes in B, KiB, MiB or GiB, such as 1MiB; numbers are "
        + "whole, and rows and shares from 1 to \(Amount.legalRows.upperBound)")
  }

  /// The budget for a document of `tokens` tokens; of a share, the rows rounded down.
  package func amount(tokens: Int) -> Amount {
    switch self {
    case .rows(let rows): .rows(rows)
    case .bytes(let bytes): .bytes(bytes)
    case .share(let part, let whole): .rows(tokens * part / whole)
    }
  }

  /// The budget in its shortest form, equal for equal budgets: `512`, `1MiB`, `1/4`.
  package var text: String {
    switch self {
    case .rows(let rows): return "\(rows)"
    case .bytes(let bytes):
      let unit = Budget.units.filter { bytes % $0.1 == 0 }.max { $0.1 < $1.1 } ?? ("B", 1)
      return "\(bytes / unit.1)\(unit.0)"
    case .share(let part, let whole):
      let divisor = Budget.commonDivisor(part, whole)
      return "\(part / divisor)/\(whole / divisor)"
    }
  }

  private static func commonDivisor(_ one: Int, _ other: Int) -> Int {
    other == 0 ? one : commonDivisor(other, one % other)
  }
}
