import Evaluation

/// One line on standard error that says how far a long run is; nothing where nobody watches.
struct ProgressBar {
  private static let width = 24
  let terminal: Terminal
  private var shown = ""

  init(terminal: Terminal) { self.terminal = terminal }

  /// Shows how far the run is.
  mutating func show(_ progress: RunProgress) {
    guard terminal.isInteractive else { return }
    let total = max(1, progress.totalTokens)
    let filled = min(ProgressBar.width, progress.tokens * ProgressBar.width / total)
    let bar =
      String(repeating: "#", count: filled)
      + String(repeating: ".", count: ProgressBar.width - filled)
    let line =
      "[\(bar)] \(progress.run + 1)/\(progress.runs) \(progress.label) "
      + "\(progress.tokens)/\(progress.totalTokens)"
    guard line != shown else { return }
    let padding = String(repeating: " ", count: max(0, shown.count - line.count))
    terminal.writeError("\r\(line)\(padding)")
    shown = line
  }

  /// Takes the line away.
  mutating func clear() {
    guard !shown.isEmpty else { return }
    terminal.writeError("\r" + String(repeating: " ", count: shown.count) + "\r")
    shown = ""
  }
}
