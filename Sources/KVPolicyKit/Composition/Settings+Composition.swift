extension Settings {
  /// Reads a composition: its score, and the settings that every composition has.
  ///
  /// - Parameters:
  ///   - isNamed: whether the policy has a name of its own; its amount is then the setting
  ///     `capacity` or `sparsity`, else `rows`, `bytes`, `share` or `sparsity` of the budget.
  ///   - score: reads the score.
  ///   - budget: reads the budget of a policy that has its own; nil for the setting `budget`.
  ///   - unit: reads the unit of a policy that has its own; nil for the setting `unit`.
  public mutating func composition(
    isNamed: Bool = true, score: (inout Settings) throws(PolicyError) -> any RowScore,
    budget: ((inout Settings) throws(PolicyError) -> any RowBudget)? = nil,
    unit: ((inout Settings) throws(PolicyError) -> any RowUnit)? = nil
  ) throws(PolicyError) -> Composition {
    var (amount, sparsity): (Amount, Double?) = (.rows(1024), nil)
    if isNamed {
      amount = .rows(
        try integer("capacity", default: 1024, atLeast: 1, "rows kept, the protected ones included")
      )
      sparsity = try self.sparsity(insteadOf: ["capacity"])
    }
    let score = try score(&self)
    let chosenBudget =
      if let budget { try budget(&self) } else {
        try anyBudget(readingAmount: !isNamed, into: &amount, &sparsity)
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
      score: score, budget: chosenBudget, unit: chosenUnit, amount: amount, sparsity: sparsity,
      protection: protection,
      cadence: cadence, positions: positions.rule, in: self)
  }

  /// The share of each chunk that goes; nil if one of `names` says how much stays.
  private mutating func sparsity(insteadOf names: [String]) throws(PolicyError) -> Double? {
    let share = try optionalNumber(
      "sparsity", in: 0...1, "the share of each prompt chunk that goes, instead of \(names[0])")
    if share != nil, let other = names.first(where: isGiven) {
      throw impossible("'\(other)' and 'sparsity' both say how much stays; give one of them")
    }
    return share
  }

  private mutating func anyBudget(
    readingAmount: Bool, into amount: inout Amount, _ sparsity: inout Double?
  ) throws(PolicyError) -> any RowBudget {
    let parts = parts
    return try part(
      "budget", default: EvenBudget.name, parts.budgets.map { $0.name },
      "how many rows each lane keeps"
    ) { index, settings throws(PolicyError) -> any RowBudget in
      if readingAmount {
        amount = try settings.amount(
          default: 1024, "mean rows per lane, the protected ones included")
        sparsity = try settings.sparsity(insteadOf: ["rows", "bytes", "share"])
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
