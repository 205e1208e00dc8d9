/// The price of rows in a cache: its shape, and how a store holds rows.
///
/// A budget in bytes counts keys, values, columns and the state that a policy has from the start.
/// Pages that are not full and the store's bookkeeping, 8 to 12 bytes a row and 24 a page, come on
/// top; ``CacheStatistics/residentBytes`` counts them too.
public struct RowCost: Hashable, Sendable {
  /// The shape of the cache.
  public let shape: CacheShape
  /// Bytes of the key and the value of one row.
  public let rowBytes: Int
  /// Rows of a page. A budget in bytes pays for at least a page in each lane, because a lane takes
  /// its first page whole.
  public let pageRows: Int
  /// Bytes beside the rows: what rows that a codec has not coded yet take more than codes.
  let bytesBeside: Int

  /// The price of rows in a store.
  ///
  /// - Throws: `StoreError.badSetting` for a shape that no cache can have, or a head dimension that
  ///   the format cannot store.
  public init(shape: CacheShape, store: StoreConfiguration) throws(StoreError) {
    if let problem = shape.problem { throw .badSetting(problem) }
    let rowBytes = 2 * (try store.format.rowBytes(headDimension: shape.headDimension))
    self.init(shape: shape, rowBytes: rowBytes, pageRows: store.pageRows)
  }

  init(shape: CacheShape, rowBytes: Int, pageRows: Int, bytesBeside: Int = 0) {
    (self.shape, self.rowBytes, self.pageRows) = (shape, rowBytes, pageRows)
    self.bytesBeside = bytesBeside
  }

  /// The price of the same rows with what a reader adds to each, and as a codec stores them in the
  /// end.
  func with(
    _ reader: (any RowReader)?, _ codec: (any RowCodec)?, _ format: RowFormat
  ) -> RowCost {
    let read = reader?.bytesPerRow(shape, format) ?? 0
    guard let codec, let coded = codec.bytesPerRow(shape, format) else {
      return RowCost(shape: shape, rowBytes: rowBytes + read, pageRows: pageRows)
    }
    let beside = max(0, rowBytes - coded).multipliedReportingOverflow(by: shape.lanes)
    let (all, overflows) = beside.partialValue.multipliedReportingOverflow(by: codec.wholeRows)
    return RowCost(
      shape: shape, rowBytes: coded + read, pageRows: pageRows,
      bytesBeside: beside.overflow || overflows ? .max : all)
  }

  /// The most rows per lane that `bytes` pay for; 0 if they do not pay for the state.
  ///
  /// - Parameters:
  ///   - bytes: bytes of one sequence, over all layers.
  ///   - columns: the columns that every row has.
  ///   - state: bytes beside the rows.
  public func rows(in bytes: Int, columns: [Column] = [], state: Int = 0) -> Int {
    guard let row = bytesOfAllLanes(columns), bytes > state else { return 0 }
    return min((bytes - state) / row, Amount.legalRows.upperBound)
  }

  /// Bytes of a sequence with `rows` rows in every lane; `Int.max` if the sum overflows.
  public func bytes(rows: Int, columns: [Column] = [], state: Int = 0) -> Int {
    guard let row = bytesOfAllLanes(columns) else { return .max }
    let (product, isTooMuch) = row.multipliedReportingOverflow(by: rows)
    let (sum, overflows) = product.addingReportingOverflow(state)
    return isTooMuch || overflows ? .max : sum
  }

  /// Bytes of one row in every lane; nil if the sum overflows.
  private func bytesOfAllLanes(_ columns: [Column]) -> Int? {
    var row = rowBytes
    for column in columns {
      let (sum, overflows) = row.addingReportingOverflow(column.rowBytes)
      if overflows { return nil }
      row = sum
    }
    let (all, overflows) = row.multipliedReportingOverflow(by: shape.lanes)
    return overflows ? nil : all
  }

  /// Bytes beside the rows: a policy's own, those of the recent queries that its signals need, and
  /// what a codec leaves whole.
  func state(_ own: Int, signals: Set<Signal>) -> Int {
    let queries = shape.recentQueryBytes(SignalSet(signals).recentRows, layers: shape.layers)
    let (sum, overflows) = own.addingReportingOverflow(queries)
    let (all, isTooMuch) = sum.addingReportingOverflow(bytesBeside)
    return overflows || isTooMuch ? .max : all
  }

  /// Why `bytes` are too few, and the least that is enough.
  func tooFew(_ bytes: Int, least: Int, rows: Int) -> String {
    "a budget of \(bytes) bytes is too small for \(shape.lanes) lanes; the least is \(least) bytes, "
      + "which pay for \(rows) rows in each (a page has \(pageRows))"
  }
}

extension PolicyRegistry {
  /// The settings with which a policy spends an amount, and the rows per lane that it amounts to.
  ///
  /// Of bytes, these are the most rows for which keys, values, and the columns and state of the
  /// policy under these settings fit: columns may grow with the rows.
  ///
  /// - Parameters:
  ///   - name: the policy's name.
  ///   - chosen: settings that are chosen already; the result has them too.
  ///   - amount: rows or bytes.
  ///   - cost: the price of rows; needed for bytes.
  /// - Returns: nil if the policy takes no budget, or if `chosen` has a setting that the budget
  ///   decides: such a configuration states its own sizes.
  /// - Throws: `PolicyError.impossible`, with the least legal figure, for an amount with which the
  ///   policy cannot work; for bytes without a price; and for a share, whose rows only the prompt
  ///   tells.
  /// - Complexity: O(log rows) policies are made.
  public func settings(
    of name: String, with chosen: [String: JSONValue] = [:], spending amount: Amount,
    in cost: RowCost? = nil
  ) throws(PolicyError) -> (settings: [String: JSONValue], rows: Int)? {
    let type = try type(named: name)
    guard case .bytes(let bytes) = amount else {
      let rows = try amount.rows
      guard let spent = try type.settings(budget: amount) else { return nil }
      return spent.merged(with: chosen).map { ($0, rows) }
    }
    let largest = try type.settings(budget: .rows(Amount.legalRows.upperBound))
    guard largest?.merged(with: chosen) != nil else { return nil }
    guard let cost else {
      throw .impossible(
        policy: name, reason: "a budget in bytes needs the shape and the store of a cache")
    }
    let search = BudgetSearch(registry: self, name: name, chosen: chosen, cost: cost)
    return try search.settings(spending: bytes)
  }
}

extension [String: JSONValue] {
  /// Both settings together; nil if they set a member in two ways. Objects are merged too.
  fileprivate func merged(with other: Self) -> Self? {
    var result = self
    for (name, value) in other {
      switch (self[name], value) {
      case (nil, _): result[name] = value
      case (.object(let own)?, .object(let members)):
        guard let both = own.merged(with: members) else { return nil }
        result[name] = .object(both)
      default: return nil
      }
    }
    return result
  }
}

/// The search for the rows that bytes pay for.
private struct BudgetSearch {
  let registry: PolicyRegistry
  let name: String
  let chosen: [String: JSONValue]
  let cost: RowCost

  /// The settings of the most rows that `bytes` pay for.
  func settings(spending bytes: Int) throws(PolicyError) -> ([String: JSONValue], rows: Int)? {
    // Without columns and state the bytes pay for at least as many rows as with them. Too few rows
    // for the policy have no price, and more rows never have a lower one.
    let most = last(in: 1...max(1, cost.rows(in: bytes))) { rows in
      (price(rows) ?? 0) <= bytes
    }
    if let most, most >= cost.pageRows, let price = price(most), price <= bytes {
      return try registry.settings(of: name, with: chosen, spending: .rows(most))
    }
    throw .impossible(policy: name, reason: try reason(bytes))
  }

  /// Why `bytes` are too few.
  private func reason(_ bytes: Int) throws(PolicyError) -> String {
    let range = cost.pageRows...Amount.legalRows.upperBound
    // The last row count without a price is one below the least legal one.
    let least = last(in: range) { price($0) == nil }.map { $0 + 1 } ?? range.lowerBound
    guard let price = price(least) else {
      // No number of rows is legal: the policy's own error says why.
      _ = try made(range.upperBound)
      return "no budget is possible"
    }
    return cost.tooFew(bytes, least: price, rows: least)
  }

  /// Bytes of a sequence under a budget of `rows` rows; nil if the policy refuses it.
  private func price(_ rows: Int) -> Int? {
    guard let policy = try? made(rows) else { return nil }
    return cost.bytes(
      rows: rows, columns: policy.columns(for: cost.shape),
      state: cost.state(policy.allStateBytes, signals: policy.signals))
  }

  private func made(_ rows: Int) throws(PolicyError) -> any KVCachePolicy {
    let spent = try registry.settings(of: name, with: chosen, spending: .rows(rows))
    let choice = PolicyConfiguration.Choice(policy: name, settings: spent?.settings ?? chosen)
    return try registry.make(choice, shape: cost.shape, model: nil).policy
  }

  /// The last number of a range that satisfies a condition which no number after it satisfies; nil
  /// if the first does not satisfy it.
  private func last(in range: ClosedRange<Int>, where holds: (Int) -> Bool) -> Int? {
    guard holds(range.lowerBound) else { return nil }
    var (low, high) = (range.lowerBound, range.upperBound)
    while low < high {
      let middle = low + (high - low + 1) / 2
      if holds(middle) { low = middle } else { high = middle - 1 }
    }
    return low
  }
}
