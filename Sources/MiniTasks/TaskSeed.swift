public import KVPolicyKit

/// Selects a document of a recipe. Training and held-out documents never share a random state.
public enum TaskSeed: Hashable, Sendable {
  /// A document to learn from.
  case training(UInt32)
  /// A document to test with.
  case heldOut(UInt32)

  /// The random generator of the document. Different seeds start at different states: the two cases
  /// differ in the lowest bit, and the mixing function is one to one.
  public var generator: SplitMix64 {
    switch self {
    case .training(let number): SplitMix64(seed: SplitMix64.mix(UInt64(number) << 1))
    case .heldOut(let number): SplitMix64(seed: SplitMix64.mix(UInt64(number) << 1 | 1))
    }
  }
}
