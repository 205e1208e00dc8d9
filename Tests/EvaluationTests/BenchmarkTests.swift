import Foundation
import KVPolicyKit
import Policies
import ReferenceModel
import Testing

@testable import Evaluation

@Suite("Benchmark of a small model")
struct BenchmarkTests {
  private let model: LlamaModel

  init() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/oracle/models/llama").path
    model = LlamaModel(try ModelFiles.open(folder), threads: 1)
  }

  private func benchmark() -> Benchmark {
    var benchmark = Benchmark(model: model, registry: .all)
    (benchmark.prefillLengths, benchmark.decodeDepths) = ([24, 8], [0, 24])
    (benchmark.steps, benchmark.repeats, benchmark.chunk) = (4, 2, 16)
    benchmark.store = StoreConfiguration(format: .f32)
    benchmark.modelName = "tiny"
    return benchmark
  }

  private let entries = [
    PolicyEntry(PolicyConfiguration("full")),
    PolicyEntry(PolicyConfiguration("tova", ["capacity": 8])),
  ]

  @Test("has a row for each policy, length and depth, prompts first")
  func rows() throws {
    let report = try benchmark().run(entries)
    #expect(
      report.rows.map { "\($0.label) \($0.name)" } == [
        "full prefill 8", "tova prefill 8", "full prefill 24", "tova prefill 24",
        "full decode at 0", "tova decode at 0", "full decode at 24", "tova decode at 24",
      ])
    for row in report.rows {
      #expect(row.seconds.least > 0 && row.seconds.most.isFinite)
      #expect(row.floorSeconds > 0 && row.floorShare == row.floorSeconds / row.seconds.median)
      #expect(row.hookShare > 0 && row.hookSeconds.total < row.seconds.most)
    }
    let lines = report.table.split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= 80 })
    for row in report.rows { #expect(lines.count { $0.hasPrefix(row.name + " ") } == 4) }
  }

  @Test("counts the rows that were read: all of them, or those that a policy left")
  func cost() throws {
    let report = try benchmark().run(entries)
    let (layers, lanes, rowBytes, rowOperations) = (3, 6, 2 * 16 * 4, 4 * 2 * 16)
    let (layerElements, headElements) = (
      layers * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 64 * 128), 64 * 64
    )
    func row(_ label: String, _ work: BenchmarkRow.Work, _ tokens: Int) throws -> BenchmarkRow {
      try #require(
        report.rows.first { ($0.label, $0.work, $0.tokens) == (label, work, tokens) })
    }
    let prompt = try row("full", .prefill, 24)
    #expect(prompt.bytes == 4 * (layerElements + headElements + 24 * 64) + 24 * lanes * rowBytes)
    // Query i of a prompt reads i + 1 rows.
    #expect(
      prompt.operations
        == Double(2 * (24 * layerElements + headElements) + 24 * 25 / 2 * lanes * rowOperations))
    // 4 warm-up steps, then steps 4 to 11, which read 5 to 12 rows because there was no prompt.
    let weights = 4 * (layerElements + headElements + 64)
    let early = try row("full", .decode, 0)
    #expect(early.bytes == weights + (5...12).reduce(0, +) * lanes * rowBytes / 8)
    let deep = try row("full", .decode, 24)
    #expect(deep.bytes == weights + (29...36).reduce(0, +) * lanes * rowBytes / 8)
    #expect(deep.rowsPerLane == 36 && deep.policyBytes == 0)
    // TOVA forgets after the output, so each step reads one row more than it leaves.
    let tova = try row("tova", .decode, 24)
    #expect(tova.bytes == weights + 9 * lanes * rowBytes)
    #expect(tova.rowsPerLane == 8 && tova.residentBytes < deep.residentBytes)
  }

  @Test("counts every sequence of a batch, and the weights once")
  func batches() throws {
    var benchmark = benchmark()
    (benchmark.prefillLengths, benchmark.batchSizes) = ([], [2, 5])
    let report = try benchmark.run(entries)
    let batches = report.rows.filter { $0.work == .batch }
    #expect(
      batches.map { "\($0.label) \($0.name)" } == [
        "full decode 2 at 0", "tova decode 2 at 0", "full decode 5 at 0", "tova decode 5 at 0",
        "full decode 2 at 24", "tova decode 2 at 24", "full decode 5 at 24", "tova decode 5 at 24",
      ])
    for row in batches {
      let sequences = try #require(row.sequences)
      let alone = try #require(
        report.rows.first { ($0.work, $0.tokens, $0.label) == (.decode, row.tokens, row.label) })
      #expect(row.tokensPerSecond.median == Double(sequences) / row.seconds.median)
      #expect(row.operations == Double(sequences) * alone.operations)
      #expect(row.rowsPerLane == alone.rowsPerLane)
      #expect(row.residentBytes == sequences * alone.residentBytes)
      // The embedding has rows of 64 floats, and the matrices are read once for all.
      let weights = 4 * (3 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 64 * 128) + 64 * 64)
      #expect(row.bytes - weights == sequences * (alone.bytes - weights))
    }
    let lines = report.table.split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= 80 })
    for row in batches { #expect(lines.count { $0.hasPrefix(row.name + " ") } == 6) }
    #expect(try BenchmarkReport(json: report.json()) == report)
  }

  @Test("the same tokens are read each time, and progress ends where it said it would")
  func progress() throws {
    let benchmark = benchmark()
    var shown: [RunProgress] = []
    _ = try benchmark.run(entries) { shown.append($0) }
    #expect(Set(shown.map(\.run)) == Set(0..<6) && shown.allSatisfy { $0.runs == 6 })
    for run in 0..<6 {
      let last = try #require(shown.last { $0.run == run })
      #expect(last.tokens == last.totalTokens)
    }
  }

  @Test("a hook's time is booked to the hook")
  func hooks() throws {
    let h2o = PolicyEntry(PolicyConfiguration("h2o", ["heavy": 4, "recent": 4]))
    let report = try benchmark().run([h2o])
    for row in report.rows {
      #expect((row.hookSeconds.prefill > 0) == (row.work == .prefill))
      #expect((row.hookSeconds.step > 0) == (row.work == .decode))
      #expect(row.hookSeconds.evict > 0 && row.hookSeconds.apply > 0)
    }
  }

  @Test("impossible sizes are refused before anything runs")
  func refused() throws {
    var several: [Benchmark] = Array(repeating: benchmark(), count: 12)
    several[0].prefillLengths = [0]
    several[1].decodeDepths = [-1]
    several[2].steps = 0
    several[3].repeats = 0
    several[4].decodeDepths = [.max]
    several[5].steps = .max
    several[6].prefillLengths = [1 << 40]
    (several[7].prefillLengths, several[7].decodeDepths) = ([], [])
    several[8].batchSizes = [2, 0]
    several[9].batchSizes = [1025]
    (several[10].batchSizes, several[10].decodeDepths) = ([2], [])
    (several[11].batchSizes, several[11].decodeDepths) = ([1024], [1 << 17])
    for benchmark in several {
      #expect(throws: ModelError.self) {
        try benchmark.run(entries) { _ in Issue.record("it ran") }
      }
    }
    #expect(throws: ModelError.self) { try benchmark().run([]) }
    let unknown = PolicyEntry(PolicyConfiguration("nope"))
    #expect(throws: PolicyError.self) { try benchmark().run([unknown]) }
  }
}

@Suite("Reports of benchmarks")
struct BenchmarkReportTests {
  private func row(
    _ work: BenchmarkRow.Work, _ tokens: Int, _ label: String, speed: Double
  ) -> BenchmarkRow {
    BenchmarkRow(
      work: work, tokens: tokens, label: label, configuration: ["policy": .string(label)],
      seconds: Spread([1 / speed]), tokensPerSecond: Spread([speed]), bytes: 98 << 20,
      operations: 2.7e8, floorSeconds: 0.5 / speed, floorShare: 0.5, hookSeconds: PolicyTime(),
      hookShare: 0.01, rowsPerLane: 512, residentBytes: 12 << 20, policyBytes: 0)
  }

  private func report(_ rows: [BenchmarkRow]) -> BenchmarkReport {
    BenchmarkReport(
      conditions: .init(
        model: "tiny.gguf", layers: 30, keyHeads: 3, threads: 2, rowFormat: .f16, pageRows: 16,
        chunk: 512, steps: 16, repeats: 3, seed: 1),
      floor: MachineFloor(
        memoryBytes: 1 << 28, cacheBytes: 4 << 20,
        teams: [
          .init(
            threads: 1, readBandwidth: Spread([1.5e10]), cacheBandwidth: Spread([6e10]),
            operationRate: Spread([9e10, 1e11]))
        ]),
      rows: rows)
  }

  @Test("JSON gives back what went in")
  func json() throws {
    let report = report([row(.prefill, 512, "full", speed: 480), row(.decode, 0, "h2o", speed: 90)])
    #expect(try BenchmarkReport(json: report.json()) == report)
    let machine = BenchmarkReport(conditions: nil, floor: report.floor, rows: [])
    #expect(try BenchmarkReport(json: machine.json()) == machine)
  }

  @Test("tables leave out what does not fit the terminal and say so, unless they may be wide")
  func width() {
    var report = report([
      row(.prefill, 65_536, "abcdefghijkl", speed: 48_000),
      row(.decode, 65_536, "abcdefghijkl", speed: 9_000),
    ])
    report.conditions?.model = "Some-Long-Model-Name-1.7B-Instruct.Q4_K_M.gguf"
    report.conditions?.arithmetic = .integer
    for line in report.table.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    #expect(
      report.table.contains(
        "\nleft out  least-most, floor, moved, state, rows/lane and at end; --wide shows"))
    let wide = report.wideTable
    #expect(wide.contains("  moved  state  rows/lane  ") && !wide.contains("left out"))
    #expect(wide.contains("\nmoved "), "a column that is shown is explained")
    #expect(!report.table.contains("\nmoved "))
    let change = BenchmarkChange(now: report, before: self.report([])).table
    #expect(change.split(separator: "\n").allSatisfy { $0.count <= 80 })
  }

  @Test("what is no report is refused")
  func foreign() throws {
    var unmeasured = report([row(.decode, 0, "full", speed: 90)])
    unmeasured.rows[0].seconds.median = .nan
    var negative = report([row(.decode, 0, "full", speed: 90)])
    negative.rows[0].tokensPerSecond.least = -1
    var bare = report([])
    bare.floor.teams = []
    let texts = ["", "{", "[]", "null", #"{"rows": []}"#]
    for text in try texts + [unmeasured.json(), negative.json(), bare.json()] {
      #expect(throws: BenchmarkError.self) { try BenchmarkReport(json: text) }
    }
  }

  @Test(
    "a mistake in a report is named with its place",
    arguments: [
      (#""threads" : 1"#, #""threads" : 1, "threads" : 2"#, "the key 'threads' appears twice"),
      (#""threads" : 1"#, #""threads" 1"#, "it is not valid JSON: line "),
      (#""threads" : 1"#, #""threads" : "1""#, "floor.teams[0].threads is \"1\"; it must be a"),
      (#""threads" : 1"#, #""threats" : 1"#, "floor.teams[0].threads is missing"),
      (#""threads" : 1"#, #""threads" : 1e300"#, "it must be a whole number that fits Int"),
      (#""work" : "decode""#, #""work" : "dekode""#, "rows[0].work "),
      (#""label" : "full""#, #""label" : 7"#, "rows[0].label is 7; it must be a text"),
    ])
  func places(_ part: String, _ replacement: String, _ message: String) throws {
    var report = report([row(.decode, 0, "full", speed: 90)])
    report.conditions = nil
    let text = try report.json()
    let broken = text.replacing(part, with: replacement)
    #expect(broken != text)
    let error = try #require(throws: BenchmarkError.self) { try BenchmarkReport(json: broken) }
    #expect("\(error)".contains(message), "\(error)")
  }

  @Test("no number in a report is too large or small for the tables")
  func extremes() throws {
    let text = try report([row(.decode, 0, "full", speed: 90), row(.batch, 0, "full", speed: 9)])
      .json()
    for number in ["\(Int.min)", "\(Int.max)", "-1", "0"] {
      let extreme = text.replacing(
        try Regex(#"("(?:bytes|residentBytes|policyBytes|tokens|chunk|layers|sequences)" : )\d+"#)
      ) { "\($0.output[1].substring ?? "")\(number)" }
      #expect(extreme != text)
      let report = try BenchmarkReport(json: extreme)
      #expect(!report.wideTable.isEmpty && !report.csv.isEmpty)
      #expect(!BenchmarkChange(now: report, before: report).table.isEmpty)
    }
  }

  @Test("CSV has a line per row, or per number of threads, with as many fields as the header")
  func csv() {
    var rows = [row(.prefill, 512, "full", speed: 480), row(.decode, 0, "h2o", speed: 90)]
    rows[1].label = "my, own"
    let report = report(rows)
    let lines = report.csv.split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines[0].hasPrefix("work,tokens,label,configuration,seconds,"))
    #expect(lines[2].hasPrefix(#"decode,0,"my, own","{""policy"":""h2o""}",0.0111"#))
    let counts = lines.prefix(2).map {
      $0.split(separator: ",", omittingEmptySubsequences: false).count
    }
    #expect(counts[0] == counts[1])
    let machine = BenchmarkReport(conditions: nil, floor: report.floor, rows: [])
    #expect(
      machine.csv == "threads,readBandwidth,cacheBandwidth,operationRate\n"
        + "1,15000000000.0,60000000000.0,95000000000.0\n")
  }

  @Test("a change pairs what was measured in both, whatever its label, and names the rest")
  func change() {
    var renamed = row(.decode, 0, "full", speed: 45)
    renamed.label = "everything"
    let before = report([
      row(.prefill, 512, "full", speed: 240), renamed, row(.decode, 512, "full", speed: 80),
    ])
    var now = report([
      row(.prefill, 512, "full", speed: 480), row(.decode, 0, "full", speed: 90),
      row(.decode, 512, "h2o", speed: 80),
    ])
    now.conditions?.threads = 1
    let change = BenchmarkChange(now: now, before: before)
    #expect(change.pairs.map(\.ratio) == [2, 2])
    #expect(change.differences == ["1 threads, before 2 threads"])
    #expect(
      change.table == """
        change       policy  budget  tokens/s  before  ratio  of floor  before
        prefill 512  full         -       480     240  2.000     50.0%   50.0%
        decode at 0  full         -      90.0    45.0  2.000     50.0%   50.0%
        differs: 1 threads, before 2 threads
        only now: h2o decode at 512
        only before: full decode at 512

        """)
    var batch = row(.batch, 0, "full", speed: 300)
    batch.sequences = 8
    var other = batch
    other.sequences = 4
    #expect(BenchmarkChange(now: self.report([batch]), before: self.report([other])).pairs.isEmpty)
    #expect(
      BenchmarkChange(now: report([]), before: report([])).table
        == "No row is in both reports.\n")
  }
}
