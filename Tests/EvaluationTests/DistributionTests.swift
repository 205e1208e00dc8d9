import Foundation
import Testing

@testable import Evaluation

@Suite("Measures of distributions")
struct DistributionTests {
  /// Logits of the distribution 1/2, 1/4, 1/4, shifted by a constant that must not matter.
  private let halves: [Float] = [log(2) + 7, 7, 7]
  /// Logits of 1/4, 1/4, 1/2.
  private let reversed: [Float] = [0, 0, log(2)]

  @Test("the surprise of a token is minus the logarithm of its probability")
  func surprise() {
    #expect(abs(Distribution.surprise(of: 0, under: halves.span) - log(2)) < 1e-6)
    #expect(abs(Distribution.surprise(of: 2, under: halves.span) - log(4)) < 1e-6)
  }

  @Test("the divergence of a distribution from itself is nothing, whatever the shift of its logits")
  func divergenceFromItself() {
    let shifted = halves.map { $0 - 300 }
    #expect(Distribution.divergence(from: halves.span, to: halves.span) == 0)
    #expect(Distribution.divergence(from: halves.span, to: shifted.span) < 1e-4)
  }

  @Test("the divergence is the expected difference of the logarithms")
  func divergence() {
    // ½·log(½ ÷ ¼) + ¼·log(¼ ÷ ¼) + ¼·log(¼ ÷ ½) = ¼·log 2
    let value = Distribution.divergence(from: halves.span, to: reversed.span)
    #expect(abs(value - log(2) / 4) < 1e-6)
  }

  @Test("logits of any size neither overflow nor vanish")
  func extremes() {
    let huge: [Float] = [3e38, -3e38, 3e38]
    #expect(abs(Distribution.surprise(of: 0, under: huge.span) - log(2)) < 1e-6)
    #expect(Distribution.divergence(from: huge.span, to: huge.span) == 0)
  }

  @Test("fidelity averages surprise over predictions, and the rest over comparisons")
  func fidelity() {
    var fidelity = Fidelity()
    fidelity.predict(0, from: halves.span)
    fidelity.predict(1, from: halves.span)
    fidelity.compare(halves.span, with: halves.span)
    fidelity.compare(halves.span, with: reversed.span)
    #expect(abs(fidelity.perplexity - 8.0.squareRoot()) < 1e-5)
    #expect(abs(fidelity.meanDivergence - log(2) / 8) < 1e-6)
    #expect(fidelity.topAgreement == 0.5)
  }

  @Test("recorded logits come back step by step")
  func recorded() {
    var recorded = RecordedLogits(steps: 2, vocabulary: 3)
    recorded.append(halves.span)
    recorded.append(reversed.span)
    let second = recorded.withStep(1) { span in (0..<span.count).map { span[$0] } }
    #expect(second == reversed)
  }
}
