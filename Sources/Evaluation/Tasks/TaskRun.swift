import KVPolicyKit
import MiniTasks
import ReferenceModel
import Synchronization

/// The run of one entry through all documents.
struct TaskRun {
  let comparison: TaskComparison
  let entry: PolicyEntry
  let documents: [TaskDocument]
  /// The index of this run, and the number of runs.
  let place: (run: Int, runs: Int)

  /// The number of stretches of the response, each with its own tally.
  private static let places = 8
  /// Tokens between two reports of progress.
  private static let stride = 32

  /// Tokens of the longest true response.
  static func longestResponse(_ documents: [TaskDocument]) -> Int {
    documents.reduce(0) { max($0, $1.response.count) }
  }

  /// Answers all documents, each on one thread of the team.
  func measure(
    _ team: ThreadTeam, progress: (RunProgress) -> Void
  ) throws -> TaskMeasurement {
    let total = documents.reduce(0) { $0 + $1.tokens.count }
    let read = Mutex(0)
    func report(_ more: Int, on thread: Int) {
      let tokens = read.withLock {
        $0 += more
        return $0
      }
      // Thread 0 is the caller's thread, and `progress` is called only there.
      if thread == 0 {
        progress(
          RunProgress(
            label: name, run: place.run, runs: place.runs, tokens: min(tokens, total),
            totalTokens: total))
      }
    }
    report(0, on: 0)
    let answers = try team.results(documents.count) { thread, index in
      let document = documents[index]
      return try comparison.answer(
        document, under: entry.configuration
      ) { written, _ in
        if written.isEmpty {
          report(document.promptLength, on: thread)
        } else if written.count % TaskRun.stride == 0 {
          report(TaskRun.stride, on: thread)
        }
      }
    }
    return measurement(answers)
  }

  private var name: String { entry.label + (entry.amount.map { " \($0.cell)" } ?? "") }

  /// The measurement over the answers to all documents, in their order.
  func measurement(_ answers: [TaskAnswer]) -> TaskMeasurement {
    var (measured, places) = ([DocumentMeasurement](), emptyPlaces)
    for (number, answer) in answers.enumerated() {
      measured.append(measurement(number, answer, places: &places))
    }
    let statistics = answers.map(\.statistics)
    let count = max(1, answers.count)
    let written = answers.reduce(0) { $0 + $1.written.count }
    // Avoids a division by zero if the clock is too coarse to see the run.
    let promptSeconds = max(1e-9, answers.reduce(0) { $0 + $1.promptSeconds })
    let decodeSeconds = max(1e-9, answers.reduce(0) { $0 + $1.decodeSeconds })
    return TaskMeasurement(
      label: entry.label, configuration: entry.configuration.value, budget: entry.budget,
      budgetBytes: entry.budgetBytes, takesBudget: entry.takesBudget,
      grows: answers.contains(where: \.grows), kinds: TaskRun.sum(measured), places: places,
      documents: measured,
      rowsPerLaneMean: statistics.reduce(0) { $0 + Double($1.rowsLive) }
        / Double(comparison.model.shape.lanes * count),
      residentBytes: statistics.reduce(0) { $0 + $1.residentBytes } / count,
      meanResidentBytes: statistics.reduce(0) { $0 + $1.meanResidentBytes } / count,
      readRows: statistics.meanReadRows, readBytes: statistics.meanReadBytes,
      peakResidentBytes: statistics.reduce(0) { max($0, $1.peakResidentBytes) },
      policyStateBytes: statistics.reduce(0) { $0 + $1.policyStateBytes } / count,
      footprint: statistics.reduce(0) { $0 + $1.footprint } / Double(count),
      writtenTokens: written,
      promptTokensPerSecond: Double(documents.reduce(0) { $0 + $1.promptLength }) / promptSeconds,
      decodeTokensPerSecond: Double(written) / decodeSeconds)
  }

  /// The measurement of one document. Its checks are also added to the tallies in `places`.
  private func measurement(
    _ number: Int, _ answer: TaskAnswer, places: inout [PlaceTally]
  ) -> DocumentMeasurement {
    var kinds: [String: TaskTally] = [:]
    for outcome in documents[number].score(answer.written).outcomes {
      let tally = TaskTally(hits: outcome.isHit ? 1 : 0, checks: 1)
      kinds[outcome.check.kind.rawValue, default: TaskTally()] += tally
      if let index = places.firstIndex(where: { outcome.check.position < $0.to }) {
        places[index].tally += tally
      }
    }
    return DocumentMeasurement(
      number: number, kinds: kinds,
      rowsPerLaneMean: Double(answer.statistics.rowsLive) / Double(comparison.model.shape.lanes),
      residentBytes: answer.statistics.residentBytes, writtenTokens: answer.written.count)
  }

  /// The tallies of all documents, summed by kind of check.
  private static func sum(_ documents: [DocumentMeasurement]) -> [String: TaskTally] {
    documents.reduce(into: [:]) { kinds, document in
      kinds.merge(document.kinds) { sum, tally in
        var sum = sum
        sum += tally
        return sum
      }
    }
  }

  /// Empty tallies of equal stretches of the longest response, in order.
  private var emptyPlaces: [PlaceTally] {
    let longest = TaskRun.longestResponse(documents)
    let parts = min(TaskRun.places, longest)
    return (0..<parts).map { part in
      PlaceTally(from: longest * part / parts, to: longest * (part + 1) / parts, tally: .init())
    }
  }
}

extension ThreadTeam {
  /// The results of `body` for `0..<count`, in order. One thread computes each result and passes
  /// its own number as `thread`.
  ///
  /// - Throws: the error with the lowest index, if several calls throw.
  func results<Result: Sendable>(
    _ count: Int, _ body: (_ thread: Int, _ index: Int) throws -> Result
  ) throws -> [Result] {
    let results = Mutex([Swift.Result<Result, any Error>?](repeating: nil, count: count))
    share(count, grain: 1) { thread, range in
      for index in range {
        let result = Swift.Result { try body(thread, index) }
        results.withLock { $0[index] = result }
      }
    }
    return try results.withLock { $0 }.compactMap { try $0?.get() }
  }
}

extension TaskTally {
  /// A tally of `hits` passed checks among `checks`.
  init(hits: Int, checks: Int) { (self.hits, self.checks) = (hits, checks) }
}
