import Foundation
import MiniTasks

/// What a training did, as lines of a CSV file: runs of steps, and the looks at held-out documents between
/// them.
public struct TrainingLog: Sendable, Equatable {
  /// Some steps in a row, and the check after the last if there was one.
  public struct Row: Sendable, Equatable {
    /// The last step.
    public var step: Int
    /// Its stage, from 0.
    public var stage: Int
    /// Tokens read since the beginning.
    public var tokens: Int
    /// Seconds since the beginning, those of stops left out.
    public var seconds: Double
    /// The mean of the steps' losses.
    public var loss: Double
    /// The last step's rate.
    public var rate: Float
    /// The greatest norm of the steps' gradients.
    public var norm: Double
    /// The check, if there was one.
    public var check: TrainingCheck?
  }

  /// Steps of a row.
  public static let rowSteps = 10
  /// The rows, ascending.
  public private(set) var rows: [Row] = []
  private var pending: [TrainingRun.Step] = []

  /// An empty log.
  public init() {}

  /// Tokens read so far.
  public var tokens: Int {
    (rows.last?.tokens ?? 0) + pending.reduce(0) { $0 + $1.tokens }
  }

  /// Adds a step that ended `seconds` after the beginning; `check` is the look after it.
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

  /// The log as CSV; shares are from 0 to 1, and empty where nothing was checked.
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

  /// Reads the rows up to `step` of a log that ``csv`` wrote; `path` is what messages call it.
  /// - Throws: `CheckpointError.foreign` for anything else, and for a log that does not reach that step.
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

  /// A number with so many digits after the point, whatever the locale.
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
