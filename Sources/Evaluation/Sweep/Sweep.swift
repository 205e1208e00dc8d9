import Foundation
public import KVPolicyKit
import ReferenceModel
import Synchronization

/// Runs cells of a plan, several documents at a time, and hands out a record as soon as a cell is
/// finished.
///
/// A document is read by one thread, in a store of its own, so the numbers do not depend on the
/// number of jobs, on the order of the cells, or on which of them are run.
public struct Sweep {
  /// The models of the plan, in order.
  public let models: [SweepModel]
  /// The policies that configurations can name.
  public let registry: PolicyRegistry
  /// How prompts are read and rows are stored.
  public let options: SweepOptions
  /// Documents that are read at the same time.
  public var jobs = LlamaModel.defaultThreads
  /// The version of the program, for the records.
  public var version = ""
  /// The instructions of the build, for the records.
  public var build = ""

  /// A sweep over opened models.
  public init(_ models: [SweepModel], registry: PolicyRegistry, options: SweepOptions) {
    (self.models, self.registry, self.options) = (models, registry, options)
  }

  /// Runs cells.
  ///
  /// - Parameters:
  ///   - cells: the cells of the plan that have no record yet.
  ///   - progress: called now and then, on the caller's thread, with finished cells and documents.
  ///   - record: called with the record of every cell that is finished, one call at a time. An
  ///     error ends the sweep.
  /// - Throws: what a measurement or `record` throws. Records that were handed out stay valid.
  public func run(
    _ cells: [PlannedCell], progress: (RunProgress) -> Void = { _ in },
    record: (SweepRecord) throws -> Void
  ) throws {
    let team = ThreadTeam(threads: max(1, jobs))
    let queue = SweepQueue(cells)
    for number in models.indices where cells.contains(where: { $0.model == number }) {
      // A model is in memory only while its cells are run.
      let engine = try engine(of: models[number])
      try warmUp(engine)
      queue.open(number)
      team.run { thread in
        while let work = queue.next() {
          if thread == 0 { progress(queue.progress(of: work)) }
          do {
            let measured = try work.batch.measure(
              work.document, for: models[number], on: engine)
            try queue.finish(work, measured) { batch, documents in
              for (index, cell) in batch.cells.enumerated() {
                try record(self.record(cell, documents.map { $0[index] }, team.threads))
              }
            }
          } catch {
            queue.stop(error)
          }
        }
      }
      if let error = queue.error { throw error }
    }
  }

  /// A model in memory.
  func engine(of model: SweepModel) throws -> SweepEngine {
    let loaded = LlamaModel(model.files, threads: 1, arithmetic: options.arithmetic)
    return SweepEngine(model: loaded, registry: registry, options: options)
  }

  /// Reads a few tokens, so that the first measured document does not pay for loading the weights.
  private func warmUp(_ engine: SweepEngine) throws {
    let session = try engine.makeSession(Comparison.reference)
    try session.prefill([0, 0])
    try session.decode(0)
  }

  private func record(
    _ cell: PlannedCell, _ measured: [SweepMeasurement], _ jobs: Int
  ) -> SweepRecord {
    let documents = measured.map(\.document)
    return SweepRecord(
      id: cell.id, cell: cell.cell, documents: documents,
      sums: SweepSums(documents, of: cell.cell),
      origin: SweepRecord.Origin(
        version: version, build: build, host: ProcessInfo.processInfo.hostName, threads: 1,
        jobs: jobs, place: cell.place),
      times: SweepTimes(measured.map(\.times), of: documents))
  }
}

/// Cells that are measured together on the same documents.
struct SweepBatch {
  private(set) var cells: [PlannedCell]

  /// The cells in batches: cells that follow each other, differ in the policy only, and belong to
  /// a task that measures several configurations together.
  static func batches(of cells: [PlannedCell]) -> [SweepBatch] {
    var batches: [SweepBatch] = []
    for cell in cells {
      if let last = batches.last?.cells, let first = last.first, last.count < cell.task.together,
        first.hasSamples(of: cell)
      {
        batches[batches.count - 1].cells.append(cell)
      } else {
        batches.append(SweepBatch(cells: [cell]))
      }
    }
    return batches
  }

  /// Measures one document.
  func measure(
    _ document: Int, for model: SweepModel, on engine: SweepEngine
  ) throws -> [SweepMeasurement] {
    guard let first = cells.first else { return [] }
    do {
      return try first.task.measure(
        document, of: first.cell, for: model, under: cells.map(\.configuration), on: engine)
    } catch {
      let others = cells.count > 1 ? ", or one of \(cells.count - 1) cells beside it" : ""
      throw SweepError.measurement(cell: first.cell.words + others, reason: "\(error)")
    }
  }
}

extension PlannedCell {
  /// Whether two cells are measured on the same samples.
  fileprivate func hasSamples(of other: PlannedCell) -> Bool {
    model == other.model && cell.task == other.cell.task && cell.length == other.cell.length
      && cell.seed == other.cell.seed && cell.documents == other.cell.documents
  }
}

/// The documents to read, and the measurements of batches that are not finished.
private final class SweepQueue: Sendable {
  /// One document of a batch.
  struct Work {
    let index: Int
    let batch: SweepBatch
    let document: Int
  }

  private struct State {
    /// The model whose batches are handed out.
    var model = -1
    /// The batch at hand, and its next document.
    var place = (batch: 0, document: 0)
    /// By batch: the measurements of its documents so far.
    var measured: [Int: [Int: [SweepMeasurement]]] = [:]
    var finishedCells = 0
    var finishedDocuments = 0
    var error: (any Error)?
  }

  private let batches: [SweepBatch]
  private let cells: Int
  private let state = Mutex(State())

  init(_ cells: [PlannedCell]) {
    batches = SweepBatch.batches(of: cells)
    self.cells = cells.count
  }

  /// Why the sweep stopped, if it did.
  var error: (any Error)? { state.withLock { $0.error } }

  /// Begins with the batches of a model.
  func open(_ model: Int) {
    state.withLock { state in
      state.model = model
      state.place = (batches.firstIndex { $0.cells[0].model == model } ?? batches.count, 0)
    }
  }

  /// The next document of the model; nil if there is none.
  func next() -> Work? {
    state.withLock { state in
      let (index, document) = state.place
      guard state.error == nil, index < batches.count,
        batches[index].cells[0].model == state.model
      else { return nil }
      let isLast = document + 1 == batches[index].cells[0].cell.documents
      state.place = isLast ? (index + 1, 0) : (index, document + 1)
      return Work(index: index, batch: batches[index], document: document)
    }
  }

  /// Adds a document's measurements. When they are the last of their batch, `body` gets the
  /// measurements of all its documents, in order; no two calls of `body` run at once.
  func finish(
    _ work: Work, _ measured: [SweepMeasurement],
    _ body: (SweepBatch, [[SweepMeasurement]]) throws -> Void
  ) throws {
    try state.withLock { state in
      state.measured[work.index, default: [:]][work.document] = measured
      state.finishedDocuments += 1
      let count = work.batch.cells[0].cell.documents
      guard state.error == nil, state.measured[work.index]?.count == count,
        let all = state.measured.removeValue(forKey: work.index)
      else { return }
      try body(work.batch, (0..<count).compactMap { all[$0] })
      state.finishedCells += work.batch.cells.count
    }
  }

  /// Stops the sweep; the first error counts.
  func stop(_ error: any Error) {
    state.withLock { state in
      if state.error == nil { state.error = error }
    }
  }

  /// The progress when a document is begun.
  func progress(of work: Work) -> RunProgress {
    let finished = state.withLock { $0.finishedCells }
    return RunProgress(
      label: work.batch.cells[0].cell.words + ", document", run: min(finished, cells - 1),
      runs: cells, tokens: work.document, totalTokens: work.batch.cells[0].cell.documents)
  }
}
