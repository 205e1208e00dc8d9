import KVPolicyKit

/// What a policy keeps of a text, as one line: `#` for a token that the cache still holds, `.` for
/// a forgotten token.
///
/// ```swift
/// let kept = try picture(of: H2O(["heavy": 1, "recent": 3]), prompt: 12) { _, key in
///   key == 4 ? 1 : 0.1
/// }
/// // "....#....###"
/// ```
///
/// - Parameters:
///   - policy: the policy, in one layer of one head.
///   - prompt: tokens of the prompt.
///   - steps: tokens decoded after the prompt.
///   - attention: how much the query at one position attends to the key at another position, in
///     proportion; not negative. Default: equally to all.
/// - Throws: `PolicyError` or `StoreError` if the policy cannot run.
public func picture(
  of policy: any KVCachePolicy, prompt: Int, steps: Int = 0,
  attention: @escaping @Sendable (_ query: Int, _ key: Int) -> Double = { _, _ in 1 }
) throws -> String {
  let engine = try PlainEngine(.weights(attention), policy: policy)
  try engine.read(prompt)
  try engine.step(steps)
  return engine.sequence.picture(layer: 0, head: 0, width: prompt + steps)
}
