import Foundation
internal import ReferenceModel

/// The constants of one step of AdamW, and its arithmetic. Elements are independent of each other,
/// so their order does not matter.
struct AdamStep {
  private let beta1, beta2, epsilon: Float
  private let rate, decay, factor: Float
  // The bias corrections of the moments, as factors.
  private let correction1, rootCorrection2: Float

  init(_ configuration: AdamW.Configuration, number: Int, rate: Float, factor: Float) {
    (beta1, beta2) = (configuration.beta1, configuration.beta2)
    epsilon = configuration.epsilon
    self.rate = rate
    self.factor = factor
    decay = rate * configuration.weightDecay
    correction1 = Float(1 / (1 - pow(Double(beta1), Double(number))))
    rootCorrection2 = Float(1 / (1 - pow(Double(beta2), Double(number))).squareRoot())
  }

  /// Updates `count` weights `w` with gradients `g` and moments `m` and `v`.
  @unsafe func apply(
    _ w: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, _ m: UnsafeMutablePointer<Float>,
    _ v: UnsafeMutablePointer<Float>, count: Int, decays: Bool
  ) {
    let keeps = decays ? 1 - decay : 1
    var i = 0
    while i &+ 8 <= count {
      var (weight, mean, square) = unsafe (load8(w + i), load8(m + i), load8(v + i))
      move(&weight, unsafe load8(g + i), &mean, &square, keeps: keeps)
      unsafe store8(weight, w + i)
      unsafe store8(mean, m + i)
      unsafe store8(square, v + i)
      i &+= 8
    }
    guard i < count else { return }
    let rest = count &- i
    var weight = unsafe load8(w + i, count: rest, filler: 0)
    var mean = unsafe load8(m + i, count: rest, filler: 0)
    var square = unsafe load8(v + i, count: rest, filler: 0)
    move(
      &weight, unsafe load8(g + i, count: rest, filler: 0), &mean, &square, keeps: keeps)
    unsafe store8(weight, w + i, count: rest)
    unsafe store8(mean, m + i, count: rest)
    unsafe store8(square, v + i, count: rest)
  }

  @inline(__always)
  private func move(
    _ weight: inout Float8, _ gradient: Float8, _ mean: inout Float8, _ square: inout Float8,
    keeps: Float
  ) {
    let gradient = gradient * factor
    mean = mean * beta1 + gradient * (1 - beta1)
    square = square * beta2 + gradient * gradient * (1 - beta2)
    let root = square.squareRoot() * rootCorrection2 + epsilon
    weight = weight * keeps - mean * (rate * correction1) / root
  }
}
