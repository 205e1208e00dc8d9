import KVPolicyKit

/// SnapKV that looks twice: half of the rows by their votes, the others by votes times how far
/// their values move the output.
///
/// Feng et al., "Identify Critical KV Cache in LLM Inference from an Output Perturbation
/// Perspective", 2025; behaviour of NVIDIA/kvpress `CriticalKVPress` over `SnapKVPress`.
public struct CriticalKV: WindowPolicy {
  /// The name in configurations.
  public static let name = "criticalkv"
  /// What the policy keeps.
  public static let summary = "SnapKV whose second half counts how far values move the output"
  /// Where the method was published.
  public static let source = "Feng et al., 2025; NVIDIA/kvpress CriticalKVPress"

  /// The window's votes and the refinement.
  public var composition: Composition

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    composition = try settings.composition(
      score: WindowScore.averaged, refinement: CriticalRefinement.init)
  }
}
