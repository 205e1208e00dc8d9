import Evaluation
import Foundation
import MiniTasks
import Training
import Reporting

/// A training run in progress, with its folder and its log.
struct TrainingSession {
  let folder: RunFolder
  var run: TrainingRun
  var log: TrainingLog

  /// Trains until the run has done `last` steps in all, and saves the run at every check.
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
      bar.show(progress(of: step, until: last))
      let isChecked = step.number % run.recipe.checkSteps == 0 || step.number == last
      let check = isChecked ? try run.check() : nil
      log.add(step, seconds: before + (ContinuousClock.now - start) / .seconds(1), check: check)
      guard isChecked else { continue }
      try folder.save(run, log)
      bar.clear()
      if let row = log.rows.last { try terminal.print(TrainingSession.line(row)) }
    }
    bar.clear()
    // Other programs may have slowed either measurement down, so the larger one counts.
    let later = MachineFloor.operationRate(threads: threads).median
    try terminal.print(productSpeed(peak: max(peak, later), threads: threads))
  }

  private func progress(of step: TrainingRun.Step, until last: Int) -> RunProgress {
    RunProgress(
      label:
        "stage \(step.stage + 1) of \(run.recipe.stages.count), loss \(Quantities.significant(step.loss)), step",
      run: 0, runs: 1, tokens: step.number, totalTokens: last)
  }

  /// The speed of the matrix products, and its share of the machine's peak.
  private func productSpeed(peak: Double, threads: Int) -> String {
    let work = run.trainer.productWork
    let speed = work.operations / max(work.seconds, 1e-9)
    return TerminalText.wrapped(
      "matrix products: \(Quantities.fixed(speed / 1e9, 0)) GFLOP/s, "
        + "\(Quantities.percent(speed / peak)) of the \(Quantities.fixed(peak / 1e9, 0)) that "
        + "\(threads) thread\(threads == 1 ? "" : "s") can do here") + "\n"
  }
}

/// The table for people, with one line per check.
extension TrainingSession {
  /// The kinds of check that have a column. A terminal has no room for columns of all kinds.
  private static let kinds: [TaskCheck.Kind] = [.once, .range, .periodic, .recall]

  private static let columns =
    ["step", "stage", "tokens", "seconds", "loss", "accuracy"] + kinds.map(\.rawValue)

  private static var header: String {
    let left = TaskCheck.Kind.allCases.filter { !kinds.contains($0) }.map(\.rawValue)
    let note = "log.csv in the run's folder also has \(Markup.list(left))"
    return TerminalText.wrapped(note) + "\n" + line(columns)
  }

  private static func line(_ row: TrainingLog.Row) -> String {
    let check = row.check
    return line(
      [
        "\(row.step)", "\(row.stage + 1)", Quantities.fixed(Double(row.tokens) / 1e6, 2) + "M",
        Quantities.fixed(row.seconds, 0), Quantities.fixed(row.loss, 4),
        check.map { Quantities.percent($0.accuracy) } ?? "",
      ] + kinds.map { kind in check?.kinds[kind].map { Quantities.percent($0) } ?? "-" })
  }

  private static func line(_ cells: [String]) -> String {
    let padded = zip(cells, columns).map { cell, column in
      let width = column == "stage" ? column.count : max(6, column.count)
      return String(repeating: " ", count: max(0, width - cell.count)) + cell
    }
    return padded.joined(separator: " ") + "\n"
  }
}
