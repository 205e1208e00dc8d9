import KVPolicyKit
import Testing

@testable import LongTasks

@Suite("Long responses in blocks")
struct ListResponseTests {
  @Test("have the published numbers of rules, in any number of blocks")
  func rules() throws {
    for scenario in ResponseScenario.allCases {
      for count in scenario.counts {
        for seed in 0..<40 {
          var random = Essay.random(seed)
          let rules = ResponseRules(scenario, count: count, using: &random)
          func blocks(_ kind: String) -> [Int] {
            rules.checks.filter { $0.kind == kind }.map(\.block)
          }
          #expect(rules.lines.count == 7)
          #expect(rules.checks.allSatisfy { (1...count).contains($0.block) })
          #expect(Set(rules.checks.map(\.word)).count == 7)
          #expect(Set(blocks("once")).count == 5 && !blocks("once").contains(1))
          #expect(scenario.lengths.contains(blocks("range").count))
          let periods = Set(zip(blocks("periodic"), blocks("periodic").dropFirst()).map { $1 - $0 })
          #expect(periods.count <= 1 && !blocks("periodic").isEmpty)
        }
      }
    }
  }

  @Test("of the published size, have the published periods")
  func periods() {
    let expected: [ResponseScenario: Set<Int>] = [
      .diary: [3, 4, 5], .tower: [15, 20, 25, 30], .menu: [2, 3, 4, 5], .city: [2, 4],
    ]
    for scenario in ResponseScenario.allCases {
      var (periods, firsts) = (Set<Int>(), Set<Int>())
      for seed in 0..<300 {
        var random = Essay.random(seed)
        let count = scenario.counts.last ?? 0
        let rules = ResponseRules(scenario, count: count, using: &random)
        let blocks = rules.checks.filter { $0.kind == "periodic" }.map(\.block)
        firsts.insert(blocks[0])
        periods.insert(blocks[1] - blocks[0])
        #expect(scenario != .tower || blocks[0] == 20 + blocks[1] - blocks[0])
      }
      #expect(periods == expected[scenario])
      if scenario == .diary { #expect(firsts == Set(10...19)) }
      if scenario == .city { #expect(firsts == [51]) }
    }
  }

  @Test("days are in their weeks of 2018")
  func days() {
    #expect("\(CalendarDay(weekday: 0, ofWeek: 1))" == "January 1")
    // The mother's day of week 19 and the last day of week 52, by a calendar.
    #expect("\(CalendarDay(weekday: 6, ofWeek: 19))" == "May 13")
    #expect("\(CalendarDay(weekday: 0, ofWeek: 9))" == "February 26")
    #expect("\(CalendarDay(weekday: 6, ofWeek: 52))" == "December 30")
  }

  @Test("grow to the published number of blocks, then in words")
  func growth() throws {
    let task = ListResponseTask(.tower)
    func blocks(_ tokens: Int) throws -> (count: Int, words: Int) {
      let sample = try task.sample(0, seed: 0, tokens: tokens, count: Tokens.quarters)
      let parts = BlockPlan.parts(of: sample.answerPrefix + sample.trueResponse)
      return (parts.count, parts.map { $0.split(separator: " ").count }.min() ?? 0)
    }
    let sizes = try [1500, 3000, 6000, 12_000, 100_000].map(blocks)
    #expect(sizes.map(\.count) == sizes.map(\.count).sorted())
    #expect(sizes[0].count < 100 && sizes[2].count == 100)
    #expect(sizes[4].words > sizes[3].words && sizes[3].words > sizes[2].words)
    #expect((200...240).contains(sizes[4].words))
  }

  /// Two blocks, three checks.
  private let plan = BlockPlan(
    type: "Floor", count: 4,
    checks: [
      .init(kind: "once", block: 1, word: "opal"), .init(kind: "once", block: 3, word: "onyx"),
      .init(kind: "range", block: 1, word: "cedar"),
      .init(kind: "periodic", block: 2, word: "ember"),
    ])

  @Test("are scored in the right block only, with both denominators")
  func scores() {
    let score = plan.score(
      "#*# Floor 1: Opal, opals. #*# Floor 2: cedar and ember. #*# Floor 2: onyx #*# Floor 9: x")
    #expect(score.tallies["once"] == .init(hits: 1, found: 1, due: 2))
    #expect(score.tallies["range"] == .init(hits: 0, found: 1, due: 1))
    #expect(score.tallies["periodic"] == .init(hits: 1, found: 1, due: 1))
    #expect(score.measures["completion"] == 0.5)
    // The word of floor 1 on floor 2. The second floor 2 does not count.
    #expect(score.measures["misplaced"] == 1)
    #expect(score.meanAccuracy(strict: false) == 2.0 / 3)
    #expect(score.value == 0.5)
  }

  @Test("of any form are scored")
  func odd() {
    for text in [
      "", "#*#", "#*##*#", "Floor", "#*# Floor 99999999999999999999:", "#*# Floor -1:", "#*",
      "#*# Floor ١:", "\u{0}#*# Floor 0: opal",
    ] {
      #expect(plan.score(text).value == 0)
    }
    #expect(plan.score("in Floor 1 opal").tallies["once"]?.hits == 1)
    #expect(BlockPlan(type: "", count: 0, checks: []).score("#*#  3").value == 0)
  }

  @Test("cut at due words, each after the words that it follows from")
  func forced() throws {
    let sample = try ListResponseTask(.city).sample(
      0, seed: 4, tokens: 4096, count: Tokens.quarters)
    let due = sample.forced.compactMap(\.due)
    #expect(Set(due.map(\.kind)) == Set(BlockPlan.kinds))
    #expect(due.count { $0.kind == "once" } == 5)
    #expect(due.map(\.block) == due.map(\.block).sorted())
    // Without one due word, one check fails.
    let index = try #require(sample.forced.firstIndex { $0.due?.kind == "once" })
    var texts = sample.forced.map(\.text)
    texts[index] = " none"
    let score = sample.score(texts.joined())
    #expect(score.tallies["once"] == .init(hits: 4, found: 5, due: 5))
    #expect(score.tallies["range"]?.accuracy == 1)
  }
}

extension Essay {
  /// A generator for tests.
  fileprivate static func random(_ seed: Int) -> SplitMix64 { SplitMix64(seed: UInt64(seed)) }
}

extension ResponseScenario {
  /// The numbers of blocks that a range can have.
  fileprivate var lengths: ClosedRange<Int> {
    switch self {
    case .diary: 2...2
    case .tower: 3...7
    case .menu: 1...4
    case .city: 2...4
    }
  }
}
