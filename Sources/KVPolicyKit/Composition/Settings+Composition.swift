extension Settings {
  /// Reads a composition: its score, and the settings that every composition has.
  ///
  /// - Parameters:
  ///   - isNamed: whether the policy has a name of its own; its amount is then the setting
  ///     `capacity` or `sparsity`, else `rows` or `sparsity` of the budget.
  ///   - score: reads the score.
  ///   - budget: reads the budget of a policy that has its own; nil for the setting `budget`.
  ///   - unit: reads the unit of a policy that has its own; nil for the setting `unit`.
  public mutating func composition(
    isNamed: Bool = true, score: (inout Settings) throws(PolicyError) -> any RowScore,
    budget: ((inout Settings) throws(PolicyError) -> any RowBudget)? = nil,
    unit: ((inout Settings) throws(PolicyError) -> any RowUnit)? = nil
  ) throws(PolicyError) -> Composition {
    var extent = Composition.Extent.rows(0)
    if isNamed {
      extent = try self.extent("capacity", "rows kept, the protected ones included")
    }
    let score = try score(&self)
    let chosenBudget =
      if let budget { try budget(&self) } else {
        try anyBudget(readingExtent: !isNamed, into: &extent)
      }
    let chosenUnit = if let unit { try unit(&self) } else { try anyUnit() }
    let protection = try group("protect", "rows that always stay") {
      settings throws(PolicyError) in
      Protection(
        sinks: try settings.integer("sinks", default: 0, atLeast: 0, "first tokens of the text"),
        recent: try settings.integer("recent", default: 0, atLeast: 0, "last tokens read"))
    }
    let cadence = try cadence("when", default: "afterPrompt", "when to forget")
    let positions = try choice(
      "positions", default: KeyPositions.original,
      "rotate keys at their index in the text, or rank in the cache")
    return try Composition(
      score: score, budget: chosenBudget, unit: chosenUnit, extent: extent,
      protection: protection,
      cadence: cadence, positions: positions.rule, in: self)
  }

  /// How much stays: a number of rows, or all but a share of each chunk.
  private mutating func extent(
    _ name: String, _ meaning: String
  ) throws(PolicyError) -> Composition.Extent {
    let areBothGiven = isGiven(name) && isGiven("sparsity")
    let rows = try integer(name, default: 1024, atLeast: 1, meaning)
    let share = try optionalNumber(
      "sparsity", in: 0...1, "the share of each prompt chunk that goes, instead of \(name)")
    if areBothGiven {
      throw impossible("'\(name)' and 'sparsity' both say how much stays; give one of them")
    }
    return share.map { .sparsity($0) } ?? .rows(rows)
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
        extent = try settings.extent(
          "rows", "mean rows per lane, the protected ones included")
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
