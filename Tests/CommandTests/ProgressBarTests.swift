import Evaluation
import Testing

@testable import KVPolicyCommand

@Suite("The progress of a long run")
struct ProgressBarTests {
  /// A bar on its own terminal, with a clock that the test sets.
  private final class Trial {
    var written: [String] = []
    var seconds = 0.0

    func bar(interactive: Bool) -> ProgressBar {
      let start = ContinuousClock.now
      let terminal = Terminal(
        write: { _ in }, writeError: { self.written.append($0) }, isInteractive: interactive)
      return ProgressBar(terminal: terminal) { start + .seconds(self.seconds) }
    }
  }

  private func progress(_ run: Int, _ tokens: Int, label: String = "h2o") -> RunProgress {
    RunProgress(label: label, run: run, runs: 4, tokens: tokens, totalTokens: 100)
  }

  @Test("a person sees the time left, once the run has gone on for some seconds")
  func timeLeft() {
    let trial = Trial()
    var bar = trial.bar(interactive: true)
    bar.show(progress(0, 0))
    trial.seconds = 4
    bar.show(progress(0, 50))
    #expect(!trial.written.joined().contains("left"), "too early to tell")
    trial.seconds = 10
    bar.show(progress(1, 0))
    // A quarter is done after 10 seconds.
    #expect(trial.written.last?.hasSuffix("2/4 h2o 0/100, 30 s left") == true, "\(trial.written)")
    trial.seconds = 400
    bar.show(progress(2, 0))
    #expect(trial.written.last?.contains(", 7 min left") == true)
    trial.seconds = 40_000
    bar.show(progress(2, 1))
    #expect(trial.written.last?.contains(" h left") == true)
    bar.show(progress(3, 100))
    #expect(trial.written.last?.contains("4/4 h2o 100/100 ") == true, "nothing is left")
    bar.clear()
    #expect(trial.written.last?.hasSuffix(" \r") == true)
    #expect(!trial.written.joined().contains("\n"))
  }

  @Test("a run that goes on where another ended counts from there")
  func resumed() {
    let trial = Trial()
    var bar = trial.bar(interactive: true)
    bar.show(progress(3, 0))
    trial.seconds = 10
    bar.show(progress(3, 50))
    #expect(trial.written.last?.contains(", 10 s left") == true)
  }

  @Test("no line is wider than the terminal")
  func width() {
    let trial = Trial()
    var bar = trial.bar(interactive: true)
    bar.show(progress(0, 0, label: String(repeating: "long", count: 40)))
    #expect(trial.written.allSatisfy { $0.count == 80 }, "the return, and 79 columns")
  }

  @Test("a log has a line every half minute, and none of a short run")
  func log() {
    let trial = Trial()
    var bar = trial.bar(interactive: false)
    for second in 0..<30 {
      trial.seconds = Double(second)
      bar.show(progress(0, second))
    }
    #expect(trial.written.isEmpty)
    for second in 30...100 {
      trial.seconds = Double(second)
      bar.show(progress(0, second))
    }
    bar.clear()
    #expect(
      trial.written == [
        "kvpolicy: 1/4 h2o 30/100, 6 min left\n",
        "kvpolicy: 1/4 h2o 60/100, 6 min left\n", "kvpolicy: 1/4 h2o 90/100, 5 min left\n",
      ])
  }
}
