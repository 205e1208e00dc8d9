import Foundation
import MiniTasks

/// The log of a training run, as lines of a CSV file: the steps, and the checks on held-out
/// documents between them.
public struct TrainingLog: Sendable, Equatable {
  /// A line of the log: up to ten consecutive steps, and the check after the last step if there was
  /// one.
  public struct Row: Sendable, Equatable {
    /// The number of the last step.
    public var step: Int
    /// The stage of the last step, from 0.
    public var stage: Int
    /// Tokens read since the beginning of the run.
    public var tokens: Int
    /// Seconds of training since the beginning; the time between a stop and a resume does not
    /// count.
    public var seconds: Double
    /// The mean of the losses of the steps.
    public var loss: Double
    /// The learning rate of the last step.
    public var rate: Float
    /// The greatest gradient norm of the steps.
    public var norm: Double
    /// The check, if there was one.
    public var check: TrainingCheck?
  }

  /// The most steps of a line.
  public static let rowSteps = 10
  /// The lines, in the order of steps.
  public private(set) var rows: [Row] = []
  private var pending: [TrainingRun.Step] = []

  /// An empty log.
  public init() {}

  /// Tokens read so far.
  public var tokens: Int {
    (rows.last?.tokens ?? 0) + pending.reduce(0) { $0 + $1.tokens }
  }

  /// Adds a step that ended `seconds` after the beginning; `check` is the check after it, if any.
  public mutating func add(_ step: TrainingRun.Step, seconds: Double, check: TrainingCheck?) {
    pending.append(step)
    guard pending.count == Self.rowSteps || check != nil else { return }
    rows.append(
      Row(
        step: step.number, stage: step.stage, tokens: tokens, seconds: seconds,
        loss: pending.reduce(0) { $0 + $1.loss } / Double(pending.count), rate: step.rate,
        norm: pending.reduce(0) { max($0, $1.norm) }, check: check))
    pending = []
  }
}

extension TrainingLog {
  private static let numbers = ["step", "stage", "tokens", "seconds", "loss", "rate", "norm"]
  private static let header =
    (numbers + ["accuracy"] + TaskCheck.Kind.allCases.map(\.rawValue)).joined(separator: ",")

  /// The log as CSV. Shares are from 0 to 1, and empty on lines without a check.
  public var csv: String {
    let lines = rows.map { row in
      var cells = ["\(row.step)", "\(row.stage)", "\(row.tokens)"]
      cells += [
        Self.text(row.seconds, 1), Self.text(row.loss, 5), "\(row.rate)", Self.text(row.norm, 4),
      ]
      cells.append(row.check.map { Self.text($0.accuracy, 5) } ?? "")
      cells += TaskCheck.Kind.allCases.map { kind in
        row.check?.kinds[kind].map { Self.text($0, 4) } ?? ""
      }
      return cells.joined(separator: ",") + "\n"
    }
    return Self.header + "\n" + lines.joined()
  }

  /// Reads the lines up to `step` of a log that ``csv`` wrote; `path` is its name in messages.
  /// - Throws: `CheckpointError.foreign` for any other text, and for a log without a line that ends
  ///   at `step`.
  public init(csv: String, path: String, upTo step: Int) throws(CheckpointError) {
    let advice = "put back the log that was written with the state, or begin anew"
    let lines = csv.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.first.map(String.init) == Self.header else {
      throw .foreign(
        path: path, reason: "its first line is not that of a training's log; \(advice)")
    }
    for (index, line) in lines.dropFirst().enumerated() where !line.isEmpty {
      guard let row = Row(line), row.step > rows.last?.step ?? 0 else {
        throw .foreign(path: path, reason: "its line \(index + 2) cannot stand there; \(advice)")
      }
      if row.step <= step { rows.append(row) } else { break }
    }
    guard rows.last?.step ?? 0 == step else {
      throw .foreign(
        path: path, reason: "it has no row of step \(step), where the state is; \(advice)")
    }
  }

  /// A number with `digits` digits after the point, in every locale.
  private static func text(_ value: Double, _ digits: Int) -> String {
    String(format: "%.\(digits)f", locale: Locale(identifier: "en_US_POSIX"), value)
  }
}

extension TrainingLog.Row {
  fileprivate init?(_ line: Substring) {
    let cells = line.split(separator: ",", omittingEmptySubsequences: false)
    let counts = cells.prefix(3).compactMap { Int($0) }.filter { 0...1 << 50 ~= $0 }
    guard cells.count == 8 + TaskCheck.Kind.allCases.count, counts.count == 3,
      let seconds = Double(cells[3]), let loss = Double(cells[4]), let rate = Float(cells[5]),
      let norm = Double(cells[6]),
      cells.dropFirst(7).allSatisfy({ $0.isEmpty || Double($0) != nil })
    else { return nil }
    let (step, stage, tokens) = (counts[0], counts[1], counts[2])
    self.init(
      step: step, stage: stage, tokens: tokens, seconds: seconds, loss: loss, rate: rate,
      norm: norm, check: nil)
    guard let accuracy = Double(cells[7]) else { return }
    let shares = zip(TaskCheck.Kind.allCases, cells.dropFirst(8)).compactMap { kind, cell in
      Double(cell).map { (kind, $0) }
    }
    check = TrainingCheck(accuracy: accuracy, kinds: Dictionary(shares) { first, _ in first })
  }
}
