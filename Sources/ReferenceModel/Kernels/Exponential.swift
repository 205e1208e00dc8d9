import KVPolicyKit

extension Kernels {
  /// `eˣ` per lane: the one that scoring uses.
  @inline(__always)
  static func exponential(_ x: Float8) -> Float8 { KVPolicyKit.exponential(x) }
}
