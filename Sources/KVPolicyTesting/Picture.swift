import KVPolicyKit

/// What a policy keeps of a text, as one line: `#` for a token that the cache still holds, `.` for
/// a forgotten token. Where the last step read a part of what is held, `#` is a token that it read,
/// and `o` a token that is held and was not read.
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
///   - reader: what steps read; nil for everything, or for the reader of a `ReadingPolicy`.
///   - prompt: tokens of the prompt.
///   - steps: tokens decoded after the prompt.
///   - attention: how much the query at one position attends to the key at another position, in
///     proportion; not negative. Default: equally to all.
/// - Throws: `PolicyError` or `StoreError` if the policy cannot run.
public func picture(
  of policy: any KVCachePolicy, reader: (any RowReader)? = nil, prompt: Int, steps: Int = 0,
  attention: @escaping @Sendable (_ query: Int, _ key: Int) -> Double = { _, _ in 1 }
) throws -> String {
  let engine = try PlainEngine(.weights(attention), policy: policy, reader: reader)
  try engine.read(prompt)
  let read = try engine.readingStep(steps)[0]
  return engine.sequence.picture(
    layer: 0, head: 0, width: prompt + steps, read: read.map { Set($0.joined()) })
}

extension PlainEngine {
  /// Decodes tokens. Returns what the last step read: by layer the positions of each list of its
  /// reader, and nothing for a layer that read everything.
  func readingStep(_ count: Int) throws(StoreError) -> [Int: [[Int]]] {
    guard count > 0 else {
      try step(count)
      return [:]
    }
    try step(count - 1)
    var read: [Int: [[Int]]] = [:]
    sequence.onRead = { read[$0] = $1 }
    defer { sequence.onRead = nil }
    try step()
    return read
  }
}
