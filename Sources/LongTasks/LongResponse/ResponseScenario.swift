import KVPolicyKit

/// What the blocks of a long response are about. Each scenario draws its rules as LongGenBench's
/// scenario does, with our own wording.
public enum ResponseScenario: String, CaseIterable, Sendable {
  /// A diary, an entry a week.
  case diary
  /// A tower, an entry a floor.
  case tower
  /// A menu, an entry a week.
  case menu
  /// A city on a square grid, an entry a block.
  case city

  /// The word before a block's number.
  var type: String {
    switch self {
    case .diary: "Week"
    case .tower: "Floor"
    case .menu: "Menu Week"
    case .city: "Block"
    }
  }

  /// The numbers of blocks that a sample can have, ascending. The last is LongGenBench's.
  var counts: [Int] {
    switch self {
    case .diary, .menu: Array(12...52)
    case .tower: Array(12...100)
    case .city: (4...10).map { $0 * $0 }
    }
  }

  /// The end of a block's header, before the colon.
  func detail(_ block: Int, of count: Int) -> String {
    switch self {
    case .diary, .menu:
      return " (\(CalendarDay(weekday: 0, ofWeek: block)) - "
        + "\(CalendarDay(weekday: 6, ofWeek: block)))"
    case .tower: return ""
    case .city:
      let side = ResponseScenario.side(of: count)
      return " (\((block - 1) % side), \((block - 1) / side))"
    }
  }

  /// The side of a square grid.
  static func side(of count: Int) -> Int { Int(Double(count).squareRoot().rounded()) }

  /// The sentences that set the scene.
  func scene(_ count: Int) -> String {
    switch self {
    case .diary:
      "Write the diary of a biologist for the first \(count) weeks of 2018, an entry for every "
        + "week."
    case .tower: "Plan a tower with \(count) floors, and describe every floor."
    case .menu:
      "Write the menus of a restaurant for the first \(count) weeks of 2018, a menu for every week."
    case .city:
      "Plan a city on a grid of \(ResponseScenario.side(of: count)) by "
        + "\(ResponseScenario.side(of: count)) blocks, and describe every block. Blocks are "
        + "counted from 1, row by row. Block (x, y) is block x of row y; both are counted from 0."
    }
  }
}

/// A day of 2018, whose first day was a Monday: so these are the weeks of ISO 8601.
struct CalendarDay: CustomStringConvertible {
  let month: Int
  let day: Int

  /// A weekday, from 0 for Monday, of a week from 1 to 52.
  init(weekday: Int, ofWeek week: Int) {
    var (month, rest) = (0, 7 * (week - 1) + weekday)
    while month < 11, rest >= CalendarDay.months[month].days {
      rest -= CalendarDay.months[month].days
      month += 1
    }
    (self.month, day) = (month, rest + 1)
  }

  var description: String { "\(CalendarDay.months[month].name) \(day)" }

  private static let months = [
    ("January", 31), ("February", 28), ("March", 31), ("April", 30), ("May", 31), ("June", 30),
    ("July", 31), ("August", 31), ("September", 30), ("October", 31), ("November", 30),
    ("December", 31),
  ].map { (name: $0.0, days: $0.1) }
}
