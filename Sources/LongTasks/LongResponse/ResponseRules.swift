import KVPolicyKit

/// The rules of a long response: five for single blocks, one for a range, one periodic.
struct ResponseRules {
  /// The rules in words, a line each.
  private(set) var lines: [String] = []
  /// The words that are due.
  private(set) var checks: [BlockPlan.Check] = []
  private var codes: [String]
  private let scenario: ResponseScenario
  private let count: Int

  /// Draws the rules for `count` blocks. Where a scenario's published rules are for a fixed number
  /// of blocks, their numbers shrink in proportion.
  init(_ scenario: ResponseScenario, count: Int, using random: inout SplitMix64) {
    (self.scenario, self.count) = (scenario, count)
    codes = random.sample(7, from: WordLists.codes)
    stateOnce(using: &random)
    stateRange(using: &random)
    statePeriodic(using: &random)
  }

  /// Draws a code word, states a rule with it, and notes the blocks where it is due.
  private mutating func state(_ kind: String, in blocks: [Int], _ sentence: String) {
    let code = codes.removeLast()
    lines.append("\(sentence): code word \(code).")
    checks += blocks.map { BlockPlan.Check(kind: kind, block: $0, word: code) }
  }

  /// A number of the published scenario, for the blocks at hand.
  private func scaled(_ number: Int) -> Int {
    let whole = scenario.counts.last ?? count
    return max(1, (number * count + whole / 2) / whole)
  }

  /// Five different blocks from the second on.
  private mutating func stateOnce(using random: inout SplitMix64) {
    let blocks = random.sample(5, from: Array(2...count))
    let subjects = random.sample(5, from: scenario.subjects)
    for (block, subject) in zip(blocks, subjects) {
      switch scenario {
      case .diary, .menu:
        let day = CalendarDay(weekday: random.draw(0...6), ofWeek: block)
        state("once", in: [block], "\(subject) is on \(day)")
      case .tower: state("once", in: [block], "Floor \(block) is for a \(subject)")
      case .city:
        let side = ResponseScenario.side(of: count)
        let (x, y) = ((block - 1) % side, (block - 1) / side)
        state("once", in: [block], "Block (\(x), \(y)) is for a \(subject)")
      }
    }
  }

  private mutating func stateRange(using random: inout SplitMix64) {
    let subject = random.draw(from: scenario.ranges)
    switch scenario {
    case .diary:
      let first = random.draw(2...count - 1)
      state("range", in: [first, first + 1], "\(subject) takes weeks \(first) and \(first + 1)")
    case .tower:
      let length = random.draw(3...min(7, count / 3))
      let first = random.draw(2...count - length + 1)
      let last = first + length - 1
      state("range", in: Array(first...last), "Floors \(first) to \(last) are for a \(subject)")
    case .menu:
      let length = random.draw(1...4)
      let first = random.draw(2...count - length + 1)
      let last = first + length - 1
      state(
        "range", in: Array(first...last),
        "\(subject) is served "
          + (length == 1 ? "in week \(first)" : "from week \(first) to week \(last)"))
    case .city:
      let side = ResponseScenario.side(of: count)
      let length = random.draw(2...4)
      let (start, across) = (random.draw(0...side - length), random.draw(0...side - 1))
      let isRow = random.draw(0...1) == 0
      let places = (start..<start + length).map { isRow ? ($0, across) : (across, $0) }
      let ends = [places[0], places[length - 1]].map { "block (\($0.0), \($0.1))" }
      state(
        "range", in: places.map { side * $0.1 + $0.0 + 1 },
        "A \(subject) reaches from \(ends[0]) to \(ends[1])")
    }
  }

  private mutating func statePeriodic(using random: inout SplitMix64) {
    let subject = random.draw(from: scenario.periodic)
    switch scenario {
    case .diary:
      let interval = random.draw(3...5)
      let first = random.draw(scaled(10)...scaled(19))
      state(
        "periodic", in: Array(stride(from: first, through: count, by: interval)),
        "\(subject) comes every \(interval) weeks, for the first time in week \(first)")
    case .tower:
      let interval = max(2, scaled(random.draw(from: [15, 20, 25, 30])))
      let first = scaled(20) + interval
      state(
        "periodic", in: Array(stride(from: first, through: count, by: interval)),
        "A \(subject) comes every \(interval) floors, from floor \(first) on")
    case .menu:
      let interval = random.draw(2...5)
      let first = random.draw(1...max(1, scaled(30) - interval))
      state(
        "periodic", in: Array(stride(from: first, through: count, by: interval)),
        "\(subject) is served every \(interval) weeks, for the first time in week \(first)")
    case .city:
      let side = ResponseScenario.side(of: count)
      let (interval, row) = (random.draw(from: side > 4 ? [2, 4] : [2]), side / 2)
      state(
        "periodic",
        in: stride(from: 0, to: side, by: interval).map { side * row + $0 + 1 },
        "A \(subject) comes in every block of row \(row) whose x can be divided by \(interval), "
          + "from block (0, \(row)) on")
    }
  }
}

extension ResponseScenario {
  /// What takes a single block.
  fileprivate var subjects: [String] {
    switch self {
    case .diary:
      [
        "My mother's birthday", "My father's birthday", "My sister's birthday",
        "My brother's birthday", "My husband's birthday", "My daughter's birthday",
        "My son's birthday", "My aunt's birthday",
      ]
    case .tower:
      [
        "dentist", "law office", "dance school", "print shop", "language school", "radio station",
        "bookshop", "day nursery", "wine bar", "tailor", "research laboratory", "travel agency",
        "photo studio", "climbing hall", "bank branch", "court room",
      ]
    case .menu:
      [
        "The harvest supper", "The fish feast", "The founder's dinner", "The street party",
        "The pancake brunch", "The wedding banquet", "The cheese tasting", "The lamb roast",
        "The soup contest", "The night of dumplings", "The barbecue", "The tea reception",
      ]
    case .city:
      [
        "museum", "library", "hospital", "theater", "fire station", "swimming pool", "school",
        "concert hall", "court", "market hall", "stadium", "town hall", "power station", "zoo",
      ]
    }
  }

  /// What takes a range of blocks.
  fileprivate var ranges: [String] {
    switch self {
    case .diary: ["A trip to the coast", "A visit of friends", "A training course", "A field trip"]
    case .tower: ["hotel", "fitness club", "hospital ward", "data center", "library", "car park"]
    case .menu: ["Venison", "Asparagus", "A regional menu", "Seafood", "A vegetarian menu"]
    case .city: ["park", "shopping street", "row of offices", "university campus"]
    }
  }

  /// What comes again and again.
  fileprivate var periodic: [String] {
    switch self {
    case .diary: ["A long run", "A choir rehearsal", "A phone call home", "A visit to the dentist"]
    case .tower: ["sky garden", "cafeteria", "meeting hall", "viewing deck"]
    case .menu: ["Curry", "Pizza", "Fresh pasta", "A burger", "Sushi", "Stew"]
    case .city: ["bus station", "taxi stand", "bicycle rental", "charging station"]
    }
  }
}
