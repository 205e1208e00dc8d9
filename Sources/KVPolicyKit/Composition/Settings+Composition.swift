extension Settings {
  /// Reads a composition: its score, and the settings that every composition has.
  ///
  /// - Parameters:
  ///   - isNamed: whether the policy has a name of its own; its amount is then the setting
  ///     `capacity`, else `rows`, `bytes` or `share` of the budget.
  ///   - score: reads the score.
  ///   - budget: reads the budget of a policy that has its own; nil for the setting `budget`.
  ///   - unit: reads the unit of a policy that has its own; nil for the setting `unit`.
  ///   - cadence: reads the cadence of a policy that has its own; nil for the setting `when`.
  public mutating func composition(
    isNamed: Bool = true, score: (inout Settings) throws(PolicyError) -> any RowScore,
    budget: ((inout Settings) throws(PolicyError) -> any RowBudget)? = nil,
    unit: ((inout Settings) throws(PolicyError) -> any RowUnit)? = nil,
    cadence: ((inout Settings) throws(PolicyError) -> Cadence)? = nil
  ) throws(PolicyError) -> Composition {
    var amount = Amount.rows(1024)
    if isNamed {
      amount = .rows(
        try integer("capacity", default: 1024, atLeast: 1, "rows kept, the protected ones included")
      )
    }
    let score = try score(&self)
    let chosenBudget =
      if let budget { try budget(&self) } else {
        try anyBudget(readingAmount: !isNamed, into: &amount)
      }
    let chosenUnit = if let unit { try unit(&self) } else { try anyUnit() }
    let protection = try group("protect", "rows that always stay") {
      settings throws(PolicyError) in
      Protection(
        sinks: try settings.integer("sinks", default: 0, atLeast: 0, "first tokens of the text"),
        recent: try settings.integer("recent", default: 0, atLeast: 0, "last tokens read"))
    }
    let chosenCadence =
      if let cadence { try cadence(&self) } else {
        try self.cadence("when", default: "afterPrompt", "when to forget")
      }
    let positions = try choice(
      "positions", default: KeyPositions.original,
      "rotate keys at their index in the text, or rank in the cache")
    return try Composition(
      score: score, budget: chosenBudget, unit: chosenUnit, amount: amount,
      protection: protection, cadence: chosenCadence, positions: positions.rule, in: self)
  }

  private mutating func anyBudget(
    readingAmount: Bool, into amount: inout Amount
  ) throws(PolicyError) -> any RowBudget {
    let parts = parts
    return try part(
      "budget", default: EvenBudget.name, parts.budgets.map { $0.name },
      "how many rows each lane keeps"
    ) { index, settings throws(PolicyError) -> any RowBudget in
      if readingAmount {
        amount = try settings.amount(
          default: 1024, "mean rows per lane, the protected ones included")
      }
      return try parts.budgets[index].init(&settings)
    }
  }

  private mutating func anyUnit() throws(PolicyError) -> any RowUnit {
    let parts = parts
    return try part(
      "unit", default: SingleRows.name, parts.units.map { $0.name }, "what stays or goes together"
    ) { index, settings throws(PolicyError) -> any RowUnit in
      try parts.units[index].init(&settings)
    }
  }
}
