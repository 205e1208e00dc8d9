import Foundation
import Testing

@testable import ReferenceModel

private let counts = [1, 7, 8, 9, 31, 32, 33, 100, 576]

@Test("RMS norm divides by the root of the mean square", arguments: counts)
func rmsNorm(count: Int) {
  var numbers = Numbers(seed: UInt64(count))
  let (x, weight) = (numbers.floats(count), numbers.floats(count))
  let y = computed(count) {
    unsafe Kernels.rmsNorm(x, weight: weight, epsilon: 1e-5, count: count, into: $0)
  }
  let expected = PlainKernels.rmsNorm(x, weight: weight, epsilon: 1e-5)
  expectClose(y, expected, scale: expected.map(abs), "\(count) elements")
}

@Test("SwiGLU is the gate's sigmoid linear unit times the other half", arguments: counts)
func swiGLU(count: Int) {
  var numbers = Numbers(seed: UInt64(count))
  let gate = numbers.floats(count).map { $0 * 30 }
  let up = numbers.floats(count)
  let y = computed(count) { unsafe Kernels.swiGLU(gate: gate, up: up, count: count, into: $0) }
  let expected = PlainKernels.swiGLU(gate: gate, up: up)
  expectClose(y, expected, scale: expected.map(abs), "\(count) elements")
}

@Test("SwiGLU of a far negative gate is zero and of a far positive one the gate")
func swiGLUExtremes() {
  let gate: [Float] = [-200, 200, -.greatestFiniteMagnitude, 0]
  let y = computed(4) {
    unsafe Kernels.swiGLU(gate: gate, up: [1, 1, 1, 1], count: 4, into: $0)
  }
  #expect(y == [0, 200, 0, 0])
}

@Test("adding adds every element", arguments: counts)
func add(count: Int) {
  var numbers = Numbers(seed: UInt64(count))
  let x = numbers.floats(count)
  let y = computed(count, startingFrom: 0.25) { unsafe Kernels.add(x, to: $0, count: count) }
  #expect(y == x.map { $0 + 0.25 })
}

@Test("the exponential is within 2 units in the last place of the true value")
func exponential() {
  var worst = 0.0
  // Every 997th float bit pattern of either sign up to 104: all binades, down to the smallest.
  for sign in [Float(1), -1] {
    for bits in stride(from: UInt32(0), through: Float(104).bitPattern, by: 997) {
      let x = sign * Float(bitPattern: bits)
      let value = Kernels.exponential(FloatVector(repeating: x))[3]
      let exact = Foundation.exp(Double(x))
      guard exact < Double(Float.greatestFiniteMagnitude) else {
        #expect(value == .infinity, "e^\(x)")
        continue
      }
      let unit = max(Double(Float(exact).ulp), Double(Float.leastNonzeroMagnitude))
      worst = max(worst, abs(Double(value) - exact) / unit)
    }
  }
  #expect(worst <= 2, "worst error \(worst) units")
}

/// A register that begins with these numbers; the others are 0.
private func vector(_ numbers: [Float]) -> FloatVector {
  var vector = FloatVector.zero
  for (lane, number) in numbers.enumerated() { vector[lane] = number }
  return vector
}

@Test("the exponential of the infinities, of far numbers and of no number")
func exponentialExtremes() {
  let e = Kernels.exponential(
    vector([-.infinity, .infinity, .nan, 0, -0.0, -104, 88.8, -.greatestFiniteMagnitude]))
  #expect(e[0] == 0)
  #expect(e[1] == .infinity)
  #expect(e[2].isNaN)
  #expect(e[3] == 1)
  #expect(e[4] == 1)
  #expect(e[5] == 0)
  #expect(e[6] == .infinity)
  #expect(e[7] == 0)
}

@Test("the exponential of weights is as near as it says, and exactly 0 far below")
func exponentialBelowOne() {
  // Every 997th float bit pattern of −87…0.
  for bits in stride(from: UInt32(0), through: Float(87).bitPattern, by: 997) {
    let x = -Float(bitPattern: bits)
    let value = Double(Kernels.exponentialBelowOne(FloatVector(repeating: x))[3])
    let exact = Foundation.exp(Double(x))
    let units = 2 + 1.5 * Double(-x)
    guard abs(value - exact) <= units * Double(Float(exact).ulp), abs(value - exact) <= 2e-7 else {
      Issue.record("e^\(x) is \(exact), not \(value)")
      return
    }
  }
  let e = Kernels.exponentialBelowOne(
    vector([-.infinity, .nan, 0, -0.0, -87.4, -104, -1e30, -.greatestFiniteMagnitude]))
  #expect(e[1].isNaN)
  #expect([e[2], e[3]] == [1, 1])
  #expect([e[0], e[4], e[5], e[6], e[7]] == [0, 0, 0, 0, 0])
}

@Test("scaled and added is what it says", arguments: counts)
func scaleAndAdd(count: Int) {
  var numbers = Numbers(seed: UInt64(count))
  let x = numbers.floats(count)
  let scaled = computed(count) { unsafe Kernels.scale(x, by: 0.5, into: $0, count: count) }
  #expect(scaled == x.map { $0 * 0.5 })
  let added = computed(count, startingFrom: 0.25) {
    unsafe Kernels.add(x, times: -0.5, to: $0, count: count)
  }
  let expected = x.map { 0.25 - 0.5 * Double($0) }
  expectClose(added, expected, scale: expected.map { _ in 1 }, "\(count) elements")
}

@Test("softmax is what the plain loop says", arguments: counts)
func softmax(count: Int) {
  for spread: Float in [1, 20, 1000] {
    var numbers = Numbers(seed: UInt64(count))
    let x = numbers.floats(count).map { $0 * spread }
    let y = softmaxed(x)
    let expected = PlainKernels.softmax(x)
    // The argument of the exponential carries the rounding of a difference of magnitude `spread`.
    // An attention weight below 2⁻¹²⁶ is 0.
    let growth = Double(spread) + 1
    expectClose(y, expected, scale: expected.map { $0 * growth + 0x1p-106 }, "\(count) logits")
    #expect(abs(y.reduce(0) { $0 + Double($1) } - 1) < 1e-6)
  }
}

@Test("a logit of −∞ becomes exactly 0, wherever it is", arguments: [1, 5, 8, 19])
func softmaxMasked(count: Int) {
  for masked in 0..<count {
    var x = [Float](repeating: 2, count: count)
    x[masked] = -.infinity
    let y = softmaxed(x)
    #expect(y[masked] == 0)
    let others = y.indices.filter { $0 != masked }
    #expect(others.allSatisfy { abs(y[$0] * Float(count - 1) - 1) < 1e-6 })
  }
}

@Test("when every logit is −∞, every weight is 0", arguments: [1, 8, 11])
func softmaxAllMasked(count: Int) {
  let y = softmaxed([Float](repeating: -.infinity, count: count))
  #expect(y == [Float](repeating: 0, count: count))
}

@Test("huge logits do not overflow")
func softmaxHuge() {
  let most = Float.greatestFiniteMagnitude
  #expect(softmaxed([most, -most, most]) == [0.5, 0, 0.5])
}

/// Attention weights relative to the largest logit, divided by their sum; all 0 if there is no
/// finite logit.
private func softmaxed(_ x: [Float]) -> [Float] {
  // The floats that pad the count to a whole tile are NaN, because no result may depend on them.
  let padding = ProductTile.wholeColumns(x.count) - x.count
  var y = x + [Float](repeating: .nan, count: padding)
  var sum: Float = 0
  unsafe y.withUnsafeMutableBufferPointer { y in
    guard let base = y.baseAddress else { return }
    let top = unsafe Kernels.greatest(padding: base, count: x.count)
    #expect(top == (x.max() ?? -.infinity))
    sum = unsafe Kernels.exponentials(base, count: x.count, top: top)
  }
  #expect(y[x.count...].allSatisfy { $0 == 0 }, "what fills up weighs nothing")
  return y[..<x.count].map { sum == 0 ? 0 : $0 / sum }
}
