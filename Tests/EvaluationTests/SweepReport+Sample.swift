import KVPolicyKit
import ReferenceModel

@testable import Evaluation

/// A made-up record of a sweep.
struct MadeRecord {
  var policy = "h2o"
  var budget: Int? = 64
  var task = "questions"
  var settings: JSONValue = [:]
  var better = SweepCell.Better.more
  var score = "all"
  var length = 128
  var seed = 0
  var model = "bundled"
  var host = "a"
  var version = "1"
  /// By document: the sum of the score, of ten parts.
  var sums: [Double] = [5, 6]
  var bytes = 4096
  var footprint = 0.5
  var place = 1
  var stretches: [SweepDocument.Stretch] = []

  /// Full attention.
  static func full(_ sums: [Double] = [9, 10], task: String = "questions") -> MadeRecord {
    MadeRecord(
      policy: "full", budget: nil, task: task, sums: sums, bytes: 16384, footprint: 1, place: 0)
  }

  private var cell: SweepCell {
    let isFull = policy == "full"
    let configuration: JSONValue =
      isFull ? ["policy": "full"] : ["policy": .string(policy), "budget": JSONValue(budget ?? 0)]
    return SweepCell(
      model: .init(
        name: model, source: "bundled", identity: "i", content: "c", layers: 2, keyHeads: 2,
        queryHeads: 4),
      policy: .init(
        label: policy, configuration: configuration, takesBudget: !isFull, grows: false),
      budget: .init(
        kind: isFull ? .none : .rows, asked: budget.map { "\($0)" }, rows: budget, bytes: nil),
      task: .init(name: task, settings: settings, score: score, better: better),
      length: length, seed: seed, documents: sums.count, options: SweepOptions(),
      protocol: SweepProtocol(
        questionSeen: .yes, chunk: 512, budgetKind: isFull ? .none : .rows,
        windowInBudget: isFull ? nil : true, firstToken: .unpruned, sampling: .greedy,
        answerPrefix: false))
  }

  private func documents() throws -> [SweepDocument] {
    let cache: JSONValue = [
      "tokens": 128, "rowsLive": 256, "rowsDropped": 0, "longestLane": 64, "shortestLane": 64,
      "pagesHeld": 1, "pagesReturned": 0, "residentBytes": JSONValue(bytes),
      "peakResidentBytes": JSONValue(bytes), "meanResidentBytes": JSONValue(bytes),
      "policyStateBytes": 0, "footprint": .number(footprint), "peakFootprint": .number(footprint),
    ]
    return try sums.enumerated().map { number, sum in
      SweepDocument(
        number: number, promptTokens: 100, decodeTokens: 28,
        scores: [score: SweepScore(sum: sum, count: 10)], stretches: stretches,
        cache: try cache.decoded(as: CacheStatistics.self), uncountedBytes: 0)
    }
  }

  /// The line of a results file.
  func line() throws -> SweepLine {
    let (cell, documents) = (cell, try documents())
    let record = SweepRecord(
      id: cell.id, cell: cell, documents: documents, sums: SweepSums(documents, of: cell),
      origin: .init(version: version, build: "b", host: host, threads: 1, jobs: 1, place: place),
      times: SweepTimes(
        documents.map { _ in .init(firstTokenSeconds: 0.5, promptSeconds: 0.5, decodeSeconds: 2) },
        of: documents))
    return try SweepLine(String(try record.line().dropLast()), place: "r.jsonl, line \(place + 1)")
  }
}
