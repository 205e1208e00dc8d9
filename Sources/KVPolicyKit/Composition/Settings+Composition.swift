extension Settings {
  /// Reads a composition: its score, and the settings that every composition has.
  ///
  /// - Parameters:
  ///   - isNamed: whether the policy has a name of its own; its amount is then the setting
  ///     `capacity` or `sparsity`, else `rows`, `bytes`, `share` or `sparsity` of the budget.
  ///   - score: reads the score.
  ///   - budget: reads the budget of a policy that has its own; nil for the setting `budget`.
  ///   - unit: reads the unit of a policy that has its own; nil for the setting `unit`.
  ///   - refinement: reads the refinement of a policy that has its own; nil for the setting
  ///     `refine`.
  ///   - cadence: reads the cadence of a policy that has its own; nil for the setting `when`.
  public mutating func composition(
    isNamed: Bool = true, score: (inout Settings) throws(PolicyError) -> any RowScore,
    budget: ((inout Settings) throws(PolicyError) -> any RowBudget)? = nil,
    unit: ((inout Settings) throws(PolicyError) -> any RowUnit)? = nil,
    refinement: ((inout Settings) throws(PolicyError) -> CriticalRefinement)? = nil,
    cadence: ((inout Settings) throws(PolicyError) -> Cadence)? = nil
  ) throws(PolicyError) -> Composition {
    var extent = Composition.Extent.amount(.rows(1024))
    if isNamed {
      extent = try self.extent("capacity", "rows kept, the protected ones included")
    }
    let score = try score(&self)
    let chosenBudget =
      if let budget { try budget(&self) } else {
        try anyBudget(readingExtent: !isNamed, into: &extent)
      }
    let chosenUnit = if let unit { try unit(&self) } else { try anyUnit() }
    let chosenRefinement = if let refinement { try refinement(&self) } else { try anyRefinement() }
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
      score: score, budget: chosenBudget, unit: chosenUnit, refinement: chosenRefinement,
      extent: extent, protection: protection, cadence: chosenCadence, positions: positions.rule,
      in: self)
  }

  /// How much stays: an amount, or all but a share of each chunk.
  ///
  /// - Parameter capacity: the setting that gives the amount in rows; nil for `rows`, `bytes` and
  ///   `share`.
  private mutating func extent(
    _ capacity: String?, _ meaning: String
  ) throws(PolicyError) -> Composition.Extent {
    let given = [capacity ?? "rows", "bytes", "share"].first(where: isGiven)
    let isSparse = isGiven("sparsity")
    let amount =
      if let capacity {
        Amount.rows(try integer(capacity, default: 1024, atLeast: 1, meaning))
      } else {
        try self.amount(default: 1024, meaning)
      }
    let share = try optionalNumber(
      "sparsity", in: 0...1,
      "the share of each prompt chunk that goes, instead of \(capacity ?? "rows")")
    if isSparse, let given {
      throw impossible("'\(given)' and 'sparsity' both say how much stays; give one of them")
    }
    return share.map { .sparsity($0) } ?? .amount(amount)
  }

  private mutating func anyBudget(
    readingExtent: Bool, into extent: inout Composition.Extent
  ) throws(PolicyError) -> any RowBudget {
    let parts = parts
    return try part(
      "budget", default: EvenBudget.name, parts.budgets.map { $0.name },
      "how many rows each lane keeps"
    ) { index, settings throws(PolicyError) -> any RowBudget in
      if readingExtent {
        extent = try settings.extent(nil, "mean rows per lane, the protected ones included")
      }
      return try parts.budgets[index].init(&settings)
    }
  }

  private mutating func anyRefinement() throws(PolicyError) -> CriticalRefinement? {
    try part(
      "refine", default: "none", ["none", CriticalRefinement.name], "a second look at the scores"
    ) { index, settings throws(PolicyError) in
      index == 0 ? nil : try CriticalRefinement(&settings)
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
