import Evaluation
import Foundation
import MiniTasks
import Training
import Reporting

/// A training run while the program runs.
struct TrainingSession {
  let folder: RunFolder
  var run: TrainingRun
  var log: TrainingLog

  /// Trains until `last` steps are done, and saves now and then.
  mutating func train(until last: Int, threads: Int, terminal: Terminal) throws {
    guard run.steps < last else {
      return try terminal.print("\(run.steps) steps are done already; there is nothing to do\n")
    }
    try terminal.print(TrainingSession.header)
    var bar = ProgressBar(terminal: terminal)
    defer { bar.clear() }
    let before = log.rows.last?.seconds ?? 0
    let peak = MachineFloor.operationRate(threads: threads).median
    let start = ContinuousClock.now
    while run.steps < last {
      let step = try run.step()
      bar.show(progress(of: step))
      let isChecked = step.number % run.recipe.checkSteps == 0 || step.number == last
      let check = isChecked ? try run.check() : nil
      log.add(step, seconds: before + (ContinuousClock.now - start) / .seconds(1), check: check)
      guard isChecked else { continue }
      try folder.save(run, log)
      bar.clear()
      if let row = log.rows.last { try terminal.print(TrainingSession.line(row)) }
    }
    bar.clear()
    // Other programs may have taken their share of either measurement.
    let later = MachineFloor.operationRate(threads: threads).median
    try terminal.print(productSpeed(peak: max(peak, later), threads: threads))
  }

  private func progress(of step: TrainingRun.Step) -> RunProgress {
    RunProgress(
      label: "stage \(step.stage + 1), loss \(Quantities.significant(step.loss)), step",
      run: step.stage, runs: run.recipe.stages.count, tokens: step.number,
      totalTokens: run.recipe.steps)
  }

  /// How fast the products of matrices were, beside what the machine can do.
  private func productSpeed(peak: Double, threads: Int) -> String {
    let work = run.trainer.productWork
    let speed = work.operations / max(work.seconds, 1e-9)
    return "matrix products: \(Quantities.fixed(speed / 1e9, 0)) GFLOP/s, "
      + "\(Quantities.percent(speed / peak)) of the \(Quantities.fixed(peak / 1e9, 0)) that "
      + "\(threads) thread\(threads == 1 ? "" : "s") can do here\n"
  }
}

/// Lines for people, one per check.
extension TrainingSession {
  private static let columns =
    ["step", "stage", "tokens", "seconds", "loss", "accuracy"]
    + TaskCheck.Kind.allCases.map(\.rawValue)

  private static var header: String { line(columns) }

  private static func line(_ row: TrainingLog.Row) -> String {
    let check = row.check
    return line(
      [
        "\(row.step)", "\(row.stage + 1)", Quantities.fixed(Double(row.tokens) / 1e6, 2) + "M",
        Quantities.fixed(row.seconds, 0), Quantities.fixed(row.loss, 4),
        check.map { Quantities.percent($0.accuracy) } ?? "",
      ]
        + TaskCheck.Kind.allCases.map { kind in
          check?.kinds[kind].map { Quantities.percent($0) } ?? "-"
        })
  }

  private static func line(_ cells: [String]) -> String {
    let padded = zip(cells, columns).map { cell, column in
      String(repeating: " ", count: max(0, max(7, column.count) - cell.count)) + cell
    }
    return padded.joined(separator: " ") + "\n"
  }
}
