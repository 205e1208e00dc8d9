import Foundation
import KVPolicyKit
import KVPolicyTesting
import Testing

@Suite("Scoring") struct ScoringTests {
  @Test("exponentiates within four units in the last place, and gives 0 far below")
  func exponentials() {
    var worst: Float = 0
    for index in 0..<200_000 {
      let x = -87 * Float(index) / 200_000
      let exact = Float(exp(Double(x)))
      let found = exponential(SIMD8(repeating: x))[0]
      worst = max(worst, abs(found - exact) / exact.ulp)
    }
    #expect(worst <= 4, "\(worst)")
    #expect(exponential(SIMD8(repeating: 0)) == SIMD8(repeating: 1))
    #expect(exponential(SIMD8(repeating: -104.5)) == .zero)
    #expect(exponential(SIMD8(repeating: -.infinity)) == .zero)
  }

  @Test("survives what a damaged model computes", arguments: [Float.nan, .infinity])
  func damaged(_ value: Float) {
    var logits = [Float](repeating: 0, count: 21)
    logits[3] = value
    logits[20] = value
    let probabilities = Softmax.over(logits.span)
    #expect(probabilities.count == 21)
    #expect(probabilities.contains { !($0 >= 0 && $0 <= 1) })
  }

  @Test("softmaxes as plain arithmetic does, over any support and length")
  func softmax() {
    var numbers = SplitMix64(seed: 8)
    for count in [1, 2, 7, 8, 9, 16, 31, 100] {
      let logits = (0..<count).map { _ in Float(numbers.unit() * 40 - 20) }
      let support = (0..<count).filter { _ in Bool.random(using: &numbers) }
      let found = Softmax.over(logits.span, support: support)
      let total = support.reduce(0.0) { $0 + exp(Double(logits[$1])) }
      for row in 0..<count {
        let exact = support.contains(row) ? exp(Double(logits[row])) / total : 0
        #expect(abs(Double(found[row]) - exact) < 1e-6)
      }
    }
  }

  @Test("folds by sum and by maximum, and leaves rows without support")
  func folds() {
    let logits: [Float] = [0, 0, 0, -.infinity]
    var sum: [Float] = [1, 1, 1, 1]
    var scratch: [Float] = []
    Softmax.fold(logits.span, bias: [0, 0, -.infinity, 0], into: &sum, by: .add, scratch: &scratch)
    #expect(sum == [1.5, 1.5, 1, 1])
    var largest: [Float] = [0.75, 0.25, 0.25, 0.25]
    Softmax.fold(
      logits.span, bias: [0, 0, -.infinity, 0], into: &largest, by: .max, scratch: &scratch)
    #expect(largest == [0.75, 0.5, 0.25, 0.25])
    let nobody = [Float](repeating: -.infinity, count: 4)
    Softmax.fold(logits.span, bias: nobody, into: &sum, by: .add, scratch: &scratch)
    #expect(sum == [1.5, 1.5, 1, 1])
  }

  @Test("pools by mean over the whole kernel and by maximum within the text")
  func pooling() {
    let scores: [Float] = [3, 0, 0, 6, 0]
    #expect(Pooling.average(scores, kernel: 3) == [1, 1, 2, 2, 2])
    #expect(Pooling.max(scores, kernel: 3) == [3, 3, 6, 6, 6])
    #expect(Pooling.max(scores, kernel: 1) == scores)
    #expect(Pooling.average([], kernel: 5).isEmpty)
  }

  @Test("reduces a group by mean, maximum and sum")
  func reductions() {
    let rows: [[Float]] = [[1, -2], [3, -4]]
    #expect(GroupReduction.mean(rows) == [2, -3])
    #expect(GroupReduction.max(rows) == [3, -2])
    #expect(GroupReduction.sum(rows) == [4, -6])
    #expect(GroupReduction.max([]).isEmpty)
  }

  @Test("gives equal scores to the lower position, however rows are numbered")
  func ties() {
    let positions: [Int32] = [5, 1, 4, 2, 3]
    let chosen = Selection.largest(
      2, of: Array(0..<5), by: [1, 1, 1, 1, 9], positions: positions.span)
    #expect(chosen.map { positions[$0] } == [1, 3])
    #expect(Selection.largest(0, of: [1, 2], by: [1, 1, 1], positions: positions.span).isEmpty)
    #expect(Selection.largest(9, of: [2, 1], by: [1, 1, 1], positions: positions.span) == [1, 2])
  }
}
