import Evaluation
import Reporting

/// The progress of a long run and the time left, on standard error. An interactive terminal shows
/// one line that is redrawn; a log file gets a new line now and then.
struct ProgressBar {
  private static let width = 24
  /// How long a run takes before the first estimate of the time left.
  private static let patience = Duration.seconds(5)
  /// The least time between two lines if standard error is not interactive.
  private static let silence = Duration.seconds(30)

  private let terminal: Terminal
  private let now: () -> ContinuousClock.Instant
  private var shown = ""
  private var start: (time: ContinuousClock.Instant, share: Double)?
  private var spoke: ContinuousClock.Instant

  /// Makes a progress bar. Tests replace the clock, `now`.
  init(terminal: Terminal, now: @escaping () -> ContinuousClock.Instant = { .now }) {
    (self.terminal, self.now) = (terminal, now)
    spoke = now()
  }

  /// Redraws the line; or, if standard error is not interactive, writes a line if one is due.
  mutating func show(_ progress: RunProgress) {
    let time = now()
    let share = ProgressBar.share(progress)
    let start = self.start ?? (time, share)
    self.start = start
    let left = ProgressBar.timeLeft(after: time - start.time, from: start.share, to: share)
    guard terminal.isInteractive else {
      guard time - spoke >= ProgressBar.silence else { return }
      spoke = time
      return terminal.note(ProgressBar.text(progress, left))
    }
    draw(progress, left)
  }

  /// Erases the line.
  mutating func clear() {
    guard !shown.isEmpty else { return }
    terminal.writeError("\r" + String(repeating: " ", count: shown.count) + "\r")
    shown = ""
  }

  private mutating func draw(_ progress: RunProgress, _ left: String) {
    let total = max(1, progress.totalTokens)
    let filled = max(0, min(ProgressBar.width, progress.tokens * ProgressBar.width / total))
    let bar =
      String(repeating: "#", count: filled)
      + String(repeating: ".", count: ProgressBar.width - filled)
    // A line that fills the last column would wrap, and `\r` would not return to its start.
    let line = String(
      "[\(bar)] \(ProgressBar.text(progress, left))".prefix(TerminalText.columns - 1))
    guard line != shown else { return }
    let padding = String(repeating: " ", count: max(0, shown.count - line.count))
    terminal.writeError("\r\(line)\(padding)")
    shown = line
  }

  private static func text(_ progress: RunProgress, _ left: String) -> String {
    let place = progress.runs > 1 ? "\(progress.run + 1)/\(progress.runs) " : ""
    let label = TerminalText.escaped(progress.label)
    return "\(place)\(label) \(progress.tokens)/\(progress.totalTokens)\(left)"
  }

  /// The share of all runs that is done, assuming that all runs take equally long.
  private static func share(_ progress: RunProgress) -> Double {
    let ofRun = Double(progress.tokens) / Double(max(1, progress.totalTokens))
    return (Double(progress.run) + min(1, max(0, ofRun))) / Double(max(1, progress.runs))
  }

  /// `", 4 min left"`, from the speed so far. Empty at first, while the speed says little, and at
  /// the end.
  private static func timeLeft(
    after elapsed: Duration, from first: Double, to share: Double
  ) -> String {
    guard elapsed >= patience, share > first, share < 1 else { return "" }
    let seconds = (elapsed / .seconds(1)) * (1 - share) / (share - first)
    // The speed varies, so more digits would be false precision.
    return switch seconds.rounded(.up) {
    case ..<90: ", \(Int(seconds.rounded(.up))) s left"
    case ..<5400: ", \(Int((seconds / 60).rounded())) min left"
    case ..<1e9: ", \(Quantities.fixed(seconds / 3600, 1)) h left"
    default: ""
    }
  }
}
