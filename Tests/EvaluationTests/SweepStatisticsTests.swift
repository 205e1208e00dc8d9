import KVPolicyKit
import Testing

@testable import Evaluation

@Suite("Intervals of sweeps")
struct SweepStatisticsTests {
  private func scores(_ values: [(Double, Int)]) -> [SweepScore] {
    values.map { SweepScore(sum: $0.0, count: $0.1) }
  }

  @Test("with as many checks in each document it is the interval of a mean")
  func mean() throws {
    // The shares 0.2, 0.4, 0.6 and 0.8: mean 0.5, standard deviation √(0.2/3) = 0.258199, standard
    // error 0.129099; Student's t with 3 degrees is 3.182.
    let interval = try #require(Interval(mean: scores([(2, 10), (4, 10), (6, 10), (8, 10)])))
    #expect(abs(interval.value - 0.5) < 1e-12)
    #expect(abs(try #require(interval.margin) - 3.182 * 0.129_099_445) < 1e-6)
    #expect(interval.documents == 4)
    let range = try #require(interval.range)
    #expect(range.contains(0.1) && !range.contains(0.08))
  }

  @Test("documents count by their checks")
  func ratio() throws {
    // 1 of 2 and 9 of 10: the mean is 10/12, the residuals are (1 − 10/6)/12 = −1/18 and
    // (9 − 100/12)/12 = 1/18; their sum of squares times 2/1 is 4/324, its root 1/9.
    let interval = try #require(Interval(mean: scores([(1, 2), (9, 10)])))
    #expect(abs(interval.value - 10.0 / 12) < 1e-12)
    #expect(abs(try #require(interval.margin) - 12.706 / 9) < 1e-9)
  }

  @Test("one document has no interval, and no checks have no mean")
  func few() throws {
    let one = try #require(Interval(mean: scores([(1, 4)])))
    #expect(one.value == 0.25 && one.margin == nil && one.range == nil)
    #expect(Interval(mean: []) == nil)
    #expect(Interval(mean: scores([(0, 0)])) == nil)
  }

  @Test("a difference is taken document by document")
  func paired() throws {
    // Of ten checks each: 9, 5, 2, 7 and 8, 4, 0, 7. The differences are 0.1, 0.1, 0.2 and 0: mean
    // 0.1, standard deviation √(0.02/3) = 0.081650, standard error 0.040825.
    let one = scores([(9, 10), (5, 10), (2, 10), (7, 10)])
    let other = scores([(8, 10), (4, 10), (0, 10), (7, 10)])
    let pair = try #require(PairedDifference(Array(zip(one, other))))
    #expect(abs(pair.difference.value - 0.1) < 1e-12)
    let margin = try #require(pair.difference.margin)
    #expect(abs(margin - 3.182 * 0.040_824_829) < 1e-6)
    #expect(pair.isWithinInterval, "0.1 ± 0.13 holds 0")
    // Each score alone varies three times as much.
    #expect(try #require(Interval(mean: one)?.margin) > 3 * margin)
  }

  @Test("a difference outside its interval is said to be one")
  func outside() throws {
    let one = scores([(9, 10), (8, 10), (9, 10), (8, 10)])
    let other = scores([(5, 10), (4, 10), (4, 10), (4, 10)])
    let pair = try #require(PairedDifference(Array(zip(one, other))))
    #expect(abs(pair.difference.value - 0.425) < 1e-12 && !pair.isWithinInterval)
    let same = try #require(PairedDifference(Array(zip(one, one))))
    #expect(same.difference.value == 0 && same.difference.margin == 0 && same.isWithinInterval)
    let single = try #require(PairedDifference([(one[0], other[0])]))
    #expect(single.isWithinInterval, "one document shows nothing")
  }
}

@Suite("The critical footprint")
struct CriticalFootprintTests {
  private func critical(
    _ points: [(Double, Double)], full: Double = 1
  ) throws -> CriticalFootprint {
    try #require(CriticalFootprint(points.map { (footprint: $0.0, score: $0.1) }, full: full))
  }

  @Test("lies between the two points around the wanted score")
  func between() throws {
    // 0.9 is two thirds of the way from 0.7 to 1.
    let found = try critical([(0.8, 1), (0.2, 0.1), (0.5, 0.7)])
    guard case .at(let footprint) = found.first else {
      Issue.record("\(found)")
      return
    }
    #expect(abs(footprint - 0.7) < 1e-12 && found.last == found.first)
  }

  @Test("is at most the smallest footprint, or beyond the largest, where there is no crossing")
  func ends() throws {
    let good = try critical([(0.3, 0.95), (0.6, 1)])
    #expect(good.first == .atMost(0.3) && good.last == .atMost(0.3))
    let bad = try critical([(0.3, 0.1), (0.93, 0.89)])
    #expect(bad.first == .beyond(0.93) && bad.last == .beyond(0.93))
    #expect("\(bad.first)" == ">0.93" && "\(good.first)" == "≤0.3")
    #expect(CriticalFootprint([], full: 1) == nil)
  }

  @Test("of a curve that falls again has a first and a last crossing")
  func twice() throws {
    let found = try critical([(0, 0), (0.25, 1.8), (0.5, 0), (1, 1.8)])
    #expect(found.first == .at(0.125) && found.last == .at(0.75))
    let falling = try critical([(0.25, 0.95), (0.5, 0.4)])
    #expect(falling.first == .atMost(0.25) && falling.last == .beyond(0.5))
  }
}

@Suite("Closed forms of the footprint")
struct FootprintFormTests {
  private func near(_ value: Double, _ expected: Double, _ digits: Double = 5e-9) -> Bool {
    abs(value - expected) < digits
  }

  @Test("equal the official program's: a prompt of 1000 tokens in chunks of 256")
  func small() {
    let streaming = FootprintForm.streaming(
      prompt: 1000, decode: 100, chunk: 256, sinks: 4, local: 64)
    #expect(near(streaming.footprint, 0.30254809677153, 1e-13))
    #expect(near(streaming.peak, 0.29454545))
    let half = FootprintForm.global(prompt: 1000, decode: 100, chunk: 256, sparsity: 0.5)
    #expect(near(half.footprint, 0.804977293369664, 1e-13) && near(half.peak, 0.77818182))
    let full = FootprintForm.global(prompt: 1000, decode: 100, chunk: 256, sparsity: 0)
    #expect(full.footprint == 1 && full.peak == 1)
    let mixed = streaming.mixed(0.7, with: full)
    #expect(near(mixed.footprint, 0.511783667740071, 1e-13) && near(mixed.peak, 0.46363636))
  }

  @Test("equal the official program's: a prompt of 130048 tokens")
  func large() {
    let full = FootprintForm.global(prompt: 130_048, decode: 1024, chunk: 32_768, sparsity: 0)
    let duo = FootprintForm.streaming(
      prompt: 130_048, decode: 1024, chunk: 32_768, sinks: 128, local: 1024
    ).mixed(0.7, with: full)
    #expect(near(duo.footprint, 0.48154086) && near(duo.peak, 0.47333984))
    let chunked = FootprintForm.global(prompt: 130_048, decode: 1024, chunk: 32_768, sparsity: 0.7)
    #expect(near(chunked.footprint, 0.47381838) && near(chunked.peak, 0.46864319))
    let once = FootprintForm.global(prompt: 130_048, decode: 1024, chunk: 131_072, sparsity: 0.7)
    #expect(near(once.footprint, 0.98915561) && near(once.peak, 0.99218750))
  }

  @Test("of policies that evict while they write")
  func decoding() {
    let morphKV = FootprintForm.constant(prompt: 1000, decode: 100, rows: 200)
    #expect(morphKV.rowSteps == 520_600 && near(morphKV.footprint, 0.859714, 5e-7))
    #expect(morphKV.peak == 1000.0 / 1100)
    let official = FootprintForm.constant(
      prompt: 1000, decode: 100, rows: 200, prunesAtEnd: false)
    #expect(official.footprint == morphKV.footprint && official.peak == 1001.0 / 1100)
    let snapKV = FootprintForm.promptOnly(prompt: 1000, decode: 100, rows: 200)
    #expect(snapKV.rowSteps == 525_550 && near(snapKV.footprint, 0.867889, 5e-7))
    let long = FootprintForm.constant(prompt: 100, decode: 2000, rows: 200)
    #expect(near(long.footprint, 0.182226, 5e-7))
    #expect(FootprintForm.promptOnly(prompt: 1000, decode: 100, rows: 1000).footprint == 1)
    #expect(FootprintForm.constant(prompt: 100, decode: 50, rows: 150).footprint == 1)
  }

  @Test("are what the store books")
  func ledger() {
    var ledger = FootprintLedger(lanes: 1)
    ledger.bookChunk(tokens: 100, past: 0)
    ledger.advance(tokens: 100, stored: 100)
    for step in 0..<300 {
      ledger.bookStep(rows: min(100 + step, 200) + 1)
      ledger.advance(tokens: 1, stored: min(100 + step, 200) + 1)
    }
    let form = FootprintForm.constant(prompt: 100, decode: 300, rows: 200)
    #expect(ledger.footprint == form.footprint && ledger.peak == form.peak)
  }
}

@Suite("A budget's shortest form")
struct BudgetTextTests {
  @Test(
    "is equal for equal budgets, and read as the same budget",
    arguments: [
      ("0512", "512"), ("2/8", "1/4"), ("7/7", "1/1"), ("1024KiB", "1MiB"), ("1536B", "1536B"),
      ("1536KiB", "1536KiB"), ("2048MiB", "2GiB"), ("1B", "1B"),
    ])
  func text(_ given: String, _ short: String) throws {
    #expect(try Budget(given, named: "b").text == short)
    #expect(try Budget(short, named: "b").text == short)
  }
}
