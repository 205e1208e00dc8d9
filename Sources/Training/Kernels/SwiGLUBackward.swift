import KVPolicyKit
internal import ReferenceModel

extension Kernels {
  /// The gradients of `y = silu(gate) · up` over `count` floats: with `s = 1 / (1 + e⁻ᵍ)`,
  /// `dUp = dy · g · s` and `dGate = dy · up · s · (1 + g · (1 − s))`. `dUp` may be `dy`.
  @unsafe static func swiGLUBackward(
    gate: UnsafePointer<Float>, up: UnsafePointer<Float>, dy: UnsafePointer<Float>, count: Int,
    dGate: UnsafeMutablePointer<Float>, dUp: UnsafeMutablePointer<Float>
  ) {
    var i = 0
    while i &+ 8 <= count {
      let pair = unsafe swiGLUGradients(load8(gate + i), load8(up + i), load8(dy + i))
      unsafe store8(pair.gate, dGate + i)
      unsafe store8(pair.up, dUp + i)
      i &+= 8
    }
    if i < count {
      let rest = count &- i
      let pair = unsafe swiGLUGradients(
        load8(gate + i, count: rest, filler: 0), load8(up + i, count: rest, filler: 0),
        load8(dy + i, count: rest, filler: 0))
      unsafe store8(pair.gate, dGate + i, count: rest)
      unsafe store8(pair.up, dUp + i, count: rest)
    }
  }

  @inline(__always)
  private static func swiGLUGradients(
    _ g: Float8, _ u: Float8, _ dy: Float8
  ) -> (gate: Float8, up: Float8) {
    let s = 1 / (1 + exponential(-g))
    return (dy * u * s * (1 + g * (1 - s)), dy * g * s)
  }
}
