/// How much of a cache a policy may keep.
///
/// In a configuration an amount is exactly one of the settings `rows`, `bytes` and `share` of a
/// budget: `{"kind": "even", "bytes": 1048576}`.
public enum Amount: Hashable, Sendable {
  /// Mean rows per lane.
  case rows(Int)
  /// Bytes of one sequence over all its layers: keys, values, columns and the state that a policy
  /// has from the start. ``RowCost`` says how many rows they pay for.
  case bytes(Int)
  /// A share of the prompt's tokens, as mean rows per lane, rounded down.
  case share(Double)

  /// The legal numbers of rows.
  public static let legalRows = 1...1 << 30
  /// The legal numbers of bytes.
  public static let legalBytes = 1...1 << 44

  /// The mean rows per lane of an amount that is given in rows.
  ///
  /// - Throws: `PolicyError.impossible` for any other amount: bytes become rows by the shape of a
  ///   cache, and a share by the length of a prompt.
  ///   ``PolicyRegistry/settings(of:with:spending:in:)`` asks policies for settings in rows only.
  public var rows: Int {
    get throws(PolicyError) {
      guard case .rows(let rows) = self else {
        throw .impossible(
          policy: "budget",
          reason: "its rows depend on the cache and the prompt; resolve it with "
            + "PolicyRegistry.settings(of:with:spending:in:), or give rows")
      }
      return rows
    }
  }

  /// ``rows``, for a policy that cannot work with fewer than `least`.
  ///
  /// - Throws: `PolicyError.impossible` for fewer rows, and as ``rows``.
  public func rows(atLeast least: Int, for policy: String) throws(PolicyError) -> Int {
    let rows = try rows
    guard rows >= least else {
      throw .impossible(
        policy: policy, reason: "a budget of \(rows) is too small; use \(least) or more")
    }
    return rows
  }

  /// The rows that are a share of `tokens` tokens, rounded down.
  ///
  /// A decimal share is seldom exact in binary. A product that is below an integer only because of
  /// this, such as 0.29 × 100, counts as the integer.
  static func rows(share: Double, of tokens: Int) -> Int {
    Int((share * Double(tokens) * (1 + 0x1p-50)).rounded(.down))
  }
}

extension Settings {
  /// An amount: exactly one of the settings `rows`, `bytes` and `share`; `null` counts as not given.
  ///
  /// - Parameters:
  ///   - standard: the rows in use if none of the three is given.
  ///   - meaning: what the amount is an amount of, in words.
  /// - Throws: `PolicyError.badValue` for a number out of range, `PolicyError.impossible` if two of
  ///   the settings are given.
  public mutating func amount(
    default standard: Int, _ meaning: String
  ) throws(PolicyError) -> Amount {
    let names = ["rows", "bytes", "share"]
    let given = names.filter(isGiven)
    if given.count > 1 {
      throw impossible(
        "'\(given[0])' and '\(given[1])' are two ways to state the same amount; give one of them")
    }
    let (rows, bytes) = (
      "a whole number from 1 to \(Amount.legalRows.upperBound)",
      "a whole number from 1 to \(Amount.legalBytes.upperBound), or null"
    )
    let share = "a number above 0 and at most 1, or null"
    let values = [
      try record(
        "rows", given.isEmpty || given == ["rows"] ? .integer(standard) : .null, rows, meaning),
      try record("bytes", .null, bytes, "instead of rows: bytes of the sequence, over all layers"),
      try record("share", .null, share, "instead of rows: a share of the prompt's tokens"),
    ]
    switch given.first ?? "rows" {
    case "bytes":
      guard let count = values[1].wholeNumber, Amount.legalBytes.contains(count) else {
        throw bad("bytes", values[1], bytes)
      }
      return .bytes(count)
    case "share":
      guard let part = values[2].realNumber, part > 0, part <= 1 else {
        throw bad("share", values[2], share)
      }
      return .share(part)
    default:
      guard let count = values[0].wholeNumber, Amount.legalRows.contains(count) else {
        throw bad("rows", values[0], rows)
      }
      return .rows(count)
    }
  }
}
