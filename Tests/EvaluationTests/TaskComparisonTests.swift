import KVPolicyKit
import MiniTasks
import Policies
import ReferenceModel
import Testing

@testable import BundledModel
@testable import Evaluation

@Suite("Policies on tasks")
struct TaskComparisonTests {
  private let comparison: TaskComparison

  init() throws {
    var comparison = try TaskComparison(BundledModel.open(), registry: .all)
    (comparison.documents, comparison.documentTokens, comparison.storyTokens) = (3, 160, 128)
    comparison.threads = 2
    self.comparison = comparison
  }

  private func entry(
    _ policy: any KVCachePolicy.Type, budget: Int
  ) throws -> PolicyEntry {
    .init(
      PolicyConfiguration(policy.name, try policy.settings(budget: .rows(budget)) ?? [:]),
      budget: budget)
  }

  private func entries(budget: Int) throws -> [PolicyEntry] {
    try [StreamingLLM.self, H2O.self, TOVA.self, MorphKV.self].map {
      try entry($0 as any KVCachePolicy.Type, budget: budget)
    }
  }

  private func documents() throws -> [TaskDocument] {
    try (0..<comparison.documents).map {
      try comparison.document($0, .both, tokens: comparison.documentTokens)
    }
  }

  /// A report without values that depend on a clock or the machine.
  private func timeless(_ report: TaskReport) -> TaskReport {
    var report = report
    report.threads = 0
    for index in report.policies.indices {
      report.policies[index].promptTokensPerSecond = 0
      report.policies[index].decodeTokensPerSecond = 0
    }
    return report
  }

  @Test("the report is the same for any number of threads, but for its speeds")
  func threads() throws {
    let entries = try entries(budget: 40)
    let reports = try [1, 2, 3].map { threads in
      var comparison = comparison
      comparison.threads = threads
      return try comparison.run(entries, story: entries)
    }
    #expect(reports.map(\.threads) == [1, 2, 3])
    for report in reports {
      #expect(timeless(report) == timeless(reports[0]))
      #expect(report.policies.allSatisfy { $0.decodeTokensPerSecond > 0 })
      #expect(report.policies.allSatisfy { $0.promptTokensPerSecond > 0 })
    }
  }

  @Test("hits are those of the documents' own scores, and add up by kind and by place")
  func tallies() throws {
    let report = try comparison.run([entry(H2O.self, budget: 40)])
    for measurement in report.policies {
      let configuration = try PolicyConfiguration(measurement.configuration)
      var (kinds, written): ([String: TaskTally], Int) = ([:], 0)
      var places = measurement.places.map { PlaceTally(from: $0.from, to: $0.to, tally: .init()) }
      for document in try documents() {
        let answer = try comparison.answer(
          document, under: configuration)
        written += answer.written.count
        for outcome in document.score(answer.written).outcomes {
          let tally = TaskTally(hits: outcome.isHit ? 1 : 0, checks: 1)
          kinds[outcome.check.kind.rawValue, default: TaskTally()] += tally
          let position = outcome.check.position
          places[try #require(places.firstIndex { ($0.from..<$0.to).contains(position) })].tally +=
            tally
        }
      }
      #expect(measurement.kinds == kinds && measurement.places == places)
      #expect(measurement.writtenTokens == written)
      let checks = try documents().reduce(0) { $0 + $1.checks.count }
      #expect(measurement.all.checks == checks)
      let all = places.reduce(into: TaskTally()) { $0 += $1.tally }
      #expect(all == measurement.all)
    }
  }

  @Test("documents add up to their policy's measurement, kind by kind")
  func sums() throws {
    let report = try comparison.run([entry(H2O.self, budget: 40)])
    for policy in report.policies {
      #expect(policy.documents.map(\.number) == [0, 1, 2])
      var kinds: [String: TaskTally] = [:]
      for (kind, tally) in policy.documents.flatMap({ Array($0.kinds) }) {
        kinds[kind, default: TaskTally()] += tally
      }
      #expect(kinds == policy.kinds)
      #expect(policy.documents.reduce(0) { $0 + $1.writtenTokens } == policy.writtenTokens)
      #expect(policy.documents.reduce(0) { $0 + $1.residentBytes } / 3 == policy.residentBytes)
      let rows = policy.documents.reduce(0) { $0 + $1.rowsPerLaneMean } / 3
      #expect(abs(rows - policy.rowsPerLaneMean) < 1e-9)
    }
    let asked = try documents().map { Set($0.checks.map(\.kind.rawValue)) }
    #expect(report.policies[1].documents.map { Set($0.kinds.keys) } == asked)
  }

  @Test("seed 0 draws the first held-out documents, and every seed others")
  func seeds() throws {
    let mixture = try TaskMixture(lengths: 160...160, kinds: [.both])
    #expect(try documents() == (0..<3).map { mixture.document(.heldOut($0)) })
    var seen: Set<[Int]> = []
    for seed in [0, 1, 2, 65_535] {
      var other = comparison
      other.seed = seed
      for number in [0, 1, 65_535] {
        seen.insert(try other.document(number, tokens: 160).tokens)
      }
    }
    #expect(seen.count == 12)
    var other = comparison
    other.seed = 65_535
    #expect(try other.document(65_535, tokens: 160) == mixture.document(.heldOut(.max)))
    let report = try other.run([])
    #expect(report.seed == 65_535)
    #expect(
      try report.policies[0].all.checks
        == (0..<3).reduce(0) {
          $0 + (try other.document($1, tokens: 160).checks.count)
        })
  }

  @Test("full attention under another label is measured, but not run again")
  func relabelled() throws {
    let mine = PolicyEntry(Comparison.reference, label: "mine")
    var runs: Set<Int> = []
    let report = try comparison.run([mine, entry(TOVA.self, budget: 40)], story: [mine]) {
      runs.insert($0.runs)
    }
    #expect(report.policies.map(\.label) == ["full", "mine", "tova"])
    #expect(report.policies.map(\.takesBudget) == [false, nil, true])
    #expect(report.policies[1].documents == report.policies[0].documents)
    #expect(report.story?.tellers.map(\.label) == ["full", "mine"] && runs == [2])
  }

  @Test("true responses hit everything, and one wrong word costs one hit at its place")
  func truth() throws {
    // Enough documents for some checks to be at the first index of a stretch.
    let documents = try (0..<24).map { try comparison.document($0, .both, tokens: 160) }
    let run = TaskRun(
      comparison: comparison, entry: .init(Comparison.reference), documents: documents,
      place: (0, 1))
    let short = try comparison.answer(documents[0], under: Comparison.reference)
    var answers = documents.map { document in
      var answer = short
      answer.written = Array(document.response)
      return answer
    }
    let perfect = run.measurement(answers)
    #expect(perfect.all.hits == perfect.all.checks && perfect.all.checks > 30)
    #expect(perfect.writtenTokens == documents.reduce(0) { $0 + $1.response.count })
    let positions = documents.flatMap { $0.checks.map(\.position) }
    for place in perfect.places {
      #expect(place.tally.checks == positions.count { (place.from..<place.to).contains($0) })
    }
    let check = try #require(documents[1].checks.first { $0.kind == .once })
    answers[1].written[check.position] = TaskVocabulary.count + 7
    let flawed = run.measurement(answers)
    #expect(flawed.all.hits == perfect.all.hits - 1)
    #expect(flawed.kinds["once"]?.hits == (perfect.kinds["once"]?.hits ?? 0) - 1)
    let wrong = flawed.places.filter { $0.tally.hits < $0.tally.checks }
    #expect(wrong.count == 1 && (wrong[0].from..<wrong[0].to).contains(check.position))
  }

  @Test("places are equal parts of the longest response, without gaps")
  func places() throws {
    let report = try comparison.run([])
    let places = report.policies[0].places
    let longest = try documents().map(\.response.count).max()
    #expect(report.responseTokens == longest)
    #expect(places.count == 8 && places.first?.from == 0 && places.last?.to == longest)
    #expect(zip(places, places.dropFirst()).allSatisfy { $0.to == $1.from })
    let sizes = places.map { $0.to - $0.from }
    #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
  }

  @Test("full attention comes first, once, and keeps every token")
  func full() throws {
    let report = try comparison.run([.init(Comparison.reference), entry(TOVA.self, budget: 40)])
    #expect(report.policies.map(\.label) == ["full", "tova"])
    let full = report.policies[0]
    let prompts = try documents().reduce(0) { $0 + $1.promptLength }
    #expect(full.rowsPerLaneMean == Double(prompts + full.writtenTokens) / 3)
    #expect(full.footprint == 1 && full.policyStateBytes == 0 && full.budget == nil)
    #expect(full.residentBytes > report.policies[1].residentBytes)
  }

  @Test("budgets are held")
  func budgets() throws {
    let report = try comparison.run(entries(budget: 40) + entries(budget: 20))
    #expect(
      report.policies.map(\.budget) == [nil] + Array(repeating: 40, count: 4)
        + Array(repeating: 20, count: 4))
    for measurement in report.policies.dropFirst() {
      // MorphKV keeps the current token in addition to its budget.
      let rows = (measurement.budget ?? 0) + (measurement.label == "morphkv" ? 1 : 0)
      #expect(measurement.rowsPerLaneMean == Double(rows), "\(measurement.label)")
      #expect(measurement.footprint < 1)
      #expect(measurement.peakResidentBytes >= measurement.residentBytes)
    }
  }

  @Test("a policy with room for everything writes what full attention writes")
  func roomy() throws {
    let report = try comparison.run([entry(H2O.self, budget: 400)])
    #expect(report.policies[1].kinds == report.policies[0].kinds)
    #expect(report.policies[1].writtenTokens == report.policies[0].writtenTokens)
    #expect(report.policies[1].rowsPerLaneMean == report.policies[0].rowsPerLaneMean)
  }

  @Test("progress goes through every run in order, up to all tokens at most")
  func progress() throws {
    var seen: [RunProgress] = []
    _ = try comparison.run([entry(H2O.self, budget: 40)]) { seen.append($0) }
    let runs = seen.map(\.run)
    #expect(runs == runs.sorted() && Set(runs) == [0, 1])
    #expect(seen.allSatisfy { $0.runs == 2 && $0.totalTokens == 480 && $0.tokens <= 480 })
    #expect(Set(seen.map(\.label)) == ["full", "h2o 40"])
  }

  @Test("the story is one document, and shows what each lane still holds of it")
  func story() throws {
    let report = try comparison.run([], story: [entry(H2O.self, budget: 32)])
    let story = try #require(report.story)
    let document = try comparison.document(story.document, .both, tokens: 128)
    let length = try #require(story.tellers.map(\.answer.count).max())
    #expect(story.prompt == document.prompt.map(TaskLanguage.word))
    #expect(story.moments.first == 0 && story.moments.last == length && story.moments.count == 24)
    #expect(zip(story.moments, story.moments.dropFirst()).allSatisfy { $0 < $1 })
    #expect(story.tellers.map(\.label) == ["full", "h2o"])
    #expect(story.tellers.map(\.budget) == [nil, 32])
    for teller in story.tellers {
      let configuration =
        try teller.budget.map { try entry(H2O.self, budget: $0).configuration }
        ?? Comparison.reference
      let written = try comparison.answer(document, under: configuration).written
      #expect(teller.answer == written.map(TaskLanguage.word), "as when it is measured")
      let hits = document.score(written).outcomes.count { $0.isHit }
      #expect(teller.tally == TaskTally(hits: hits, checks: document.checks.count))
      #expect(teller.mistakes.allSatisfy(teller.answer.indices.contains))
      for (moment, kept) in zip(story.moments, teller.kept) {
        #expect(kept.count == story.prompt.count + min(moment, teller.answer.count))
        #expect(teller.label != "full" || kept.allSatisfy { $0 == "9" })
      }
      #expect(teller.kept.count == story.moments.count)
    }
    for kept in story.tellers[1].kept {
      let digits = kept.map { $0.wholeNumberValue ?? 99 }
      // A digit is off by at most half a ninth, and only where lanes differ.
      let ninths = digits.reduce(0, +) - 32 * 9
      #expect(2 * abs(ninths) <= digits.count { (1...8).contains($0) }, "\(kept)")
    }
  }

  /// The results of full attention on the candidates for the story: shares of checks passed, and
  /// numbers of wrong words.
  private func answered(
    _ comparison: TaskComparison
  ) throws -> [(share: Double, mistakes: Int)] {
    try comparison.storyCandidates().map { document in
      let written = try comparison.answer(document, under: Comparison.reference).written
      let outcomes = document.score(written).outcomes
      return (
        Double(outcomes.count { $0.isHit }) / Double(outcomes.count),
        document.mistakes(in: written).count
      )
    }
  }

  @Test("the story is of the first document that full attention answers without a fault")
  func flawless() throws {
    let answered = try answered(comparison)
    let first = try #require(answered.firstIndex { $0.share == 1 && $0.mistakes == 0 })
    for threads in [1, 3] {
      var other = comparison
      (other.documents, other.threads) = (1, threads)
      let story = try #require(try other.run([], story: [entry(H2O.self, budget: 32)]).story)
      #expect(story.document == first)
      #expect(story.tellers[0].mistakes.isEmpty)
      #expect(story.tellers[0].tally.hits == story.tellers[0].tally.checks)
    }
    #expect(try comparison.storyCandidates().count == 32)
  }

  @Test("without such a document the story is of the one of which most checks are passed")
  func flawed() throws {
    // A model whose last weights are missing writes nonsense.
    var bytes = try BundledModel.bytes()
    for index in bytes.indices.dropFirst(bytes.count / 2) { bytes[index] = 0 }
    var other = try TaskComparison(
      ModelFiles.open(gguf: bytes, name: "nonsense"), registry: .all)
    (other.documents, other.documentTokens, other.storyTokens) = (1, 160, 128)
    let answered = try answered(other)
    #expect(answered.allSatisfy { $0.share < 1 })
    let best = try #require(answered.max { ($0.share, -$0.mistakes) < ($1.share, -$1.mistakes) })
    let story = try #require(try other.run([], story: [entry(H2O.self, budget: 32)]).story)
    #expect(story.document == answered.firstIndex { $0 == best })
  }

  @Test("what cannot run is refused before anything does")
  func mistakes() throws {
    func refused(_ change: (inout TaskComparison) -> Void) -> String {
      var other = comparison
      change(&other)
      do {
        let entries = [PolicyEntry(Comparison.reference)]
        _ = try other.run([], story: entries) { _ in Issue.record("it ran") }
        return "nothing"
      } catch { return "\(error)" }
    }
    #expect(refused { $0.documents = 0 }.contains("at least 1 document"))
    #expect(refused { $0.documentTokens = 5 }.contains("5 tokens cannot hold"))
    #expect(refused { $0.storyTokens = 50 }.contains("50 tokens cannot hold"))
    #expect(refused { $0.documentTokens = 1 << 20 }.contains("longer than the model's context"))
    #expect(refused { $0.seed = -1 }.contains("there are seeds 0 to 65535"))
    #expect(refused { $0.seed = 65_536 }.contains("there are seeds 0 to 65535"))
    #expect(refused { $0.documents = 65_537 }.contains("of 65536 documents each"))
    #expect(refused { $0.chunk = 0 }.contains("chunks of 1 token"))
    #expect(refused { $0.store.pageRows = 3 }.contains("a page of 3 rows"))
    #expect(throws: PolicyError.self) {
      try comparison.run([.init(PolicyConfiguration("tova", ["capacity": 0]))]) { _ in
        Issue.record("it ran")
      }
    }
  }

  @Test("a model that has other words does not speak the language")
  func strangers() throws {
    #expect(throws: Never.self) { try TaskLanguage.check(BundledModel.open()) }
    // Two words of equal length swap places.
    var bytes = try BundledModel.bytes()
    let places = ["amber ", "azure "].map { bytes.firstRange(of: Array($0.utf8)) }
    let (one, other) = (try #require(places[0]), try #require(places[1]))
    let word = Array(bytes[one])
    bytes.replaceSubrange(one, with: bytes[other])
    bytes.replaceSubrange(other, with: word)
    let stranger = try ModelFiles.open(gguf: bytes, name: "stranger")
    #expect {
      try TaskComparison(stranger, registry: .all)
    } throws: {
      "\($0)".contains("'amber', is another one of the model; use the bundled model")
    }
  }
}
