import KVPolicyKit

/// When a policy evicts that could evict at any time.
public enum Timing: String, CaseIterable, Sendable {
  /// After the prompt and after every decode step: constant size.
  case everyStep
  /// Once, when the prompt ends; generated tokens all stay.
  case afterPrompt

  /// The cadence of this timing.
  public var cadence: Cadence {
    self == .everyStep ? Cadence(prompt: .atEnd, every: 1) : .afterPrompt
  }
}
