import KVPolicyKit

/// The text on which every policy's page shows what the policy keeps: a prompt of 48 tokens and 16
/// decoded tokens, in two layers of two key heads.
///
/// Some tokens are special, and the first line of ``picture(of:reader:)`` marks them:
///
/// | Mark | Tokens |
/// | --- | --- |
/// | `s` | sinks: every query of every head attends to the first tokens |
/// | `t` | the theme: every query of head 0 attends to them |
/// | `l` | needed later: queries late in the answer attend to them, earlier queries do not |
/// | `q` | what the question asks for: the last queries of the prompt attend to them |
/// | `v` | tokens with long values |
/// | `r` | repetitions: their keys are nearly equal |
/// | `.` | other tokens of the prompt |
/// | `a` | the answer: decoded tokens |
///
/// Head 1 attends to the special tokens much less than head 0, so its attention is flatter.
public enum Exhibit {
  /// Tokens of the prompt.
  public static let prompt = 48
  /// Decoded tokens.
  public static let steps = 16
  /// The marks of the tokens.
  public static let marks = "ss..........ttt...lll...qqqq....vvvv....rrrrrr..aaaaaaaaaaaaaaaa"

  /// The queries, keys and values of the text. They depend on nothing.
  public static let attention: SyntheticAttention = {
    let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 8)
    let letters = Array(marks)
    var attention = SyntheticAttention.random(shape: shape, seed: 15)
    let (queries, keys, values) = (attention.query, attention.key, attention.value)
    attention.query = { layer, head, position in
      var query = queries(layer, head, position).map { $0 / 4 }
      let interest: Float = head < shape.group ? 6 : 2
      query[0] += 4
      query[1] += interest / 2
      if (40..<48).contains(position) { query[2] += interest }
      if position >= 56 { query[3] += interest }
      return query
    }
    attention.key = { layer, head, position in
      let mark = letters[min(position, letters.count - 1)]
      // A repetition has the key of the first, and little of its own.
      let own = keys(layer, head, position)
      let first = keys(layer, head, 40)
      var key = mark == "r" ? zip(first, own).map { $0 + $1 / 16 } : own
      if let feature = Array("stql").firstIndex(of: mark) { key[feature] += 3 }
      return key
    }
    attention.value = { layer, head, position in
      let isLong = letters[min(position, letters.count - 1)] == "v"
      return values(layer, head, position).map { isLong ? 4 * $0 : $0 }
    }
    return attention
  }()

  /// What a policy keeps of the text: a line of marks, then a line for each lane. With a reader, `#`
  /// is a row that the last step read, and `o` a row that the lane holds and the step did not read.
  ///
  /// - Parameters:
  ///   - policy: the policy.
  ///   - reader: what steps read; nil for everything, or for the reader of a `ReadingPolicy`.
  /// - Throws: `PolicyError` or `StoreError` if the policy cannot run.
  public static func picture(
    of policy: any KVCachePolicy, reader: (any RowReader)? = nil
  ) throws -> String {
    let engine = try PlainEngine(attention, policy: policy, reader: reader)
    try engine.read(prompt, chunk: prompt / 3)
    let read = try engine.readingStep(steps)
    let head = String(repeating: " ", count: "layer 0 head 0 ".count) + "|\(marks)|\n"
    guard engine.sequence.hasReaders else {
      return head + engine.sequence.picture(width: prompt + steps)
    }
    return head
      + engine.keptNow.enumerated().map { lane, kept in
        line(lane, kept: kept, read: read[lane / attention.shape.keyHeads])
      }.joined(separator: "\n")
  }

  /// The line of a lane of which a step reads a part.
  private static func line(_ lane: Int, kept: [Int], read: [[Int]]?) -> String {
    let (layer, head) = (lane / attention.shape.keyHeads, lane % attention.shape.keyHeads)
    let own = read.map { lists in
      let perLane = lists.count / attention.shape.keyHeads
      return Set(lists[head * perLane..<(head + 1) * perLane].joined())
    }
    let (held, shown) = (Set(kept), own ?? Set(kept))
    let row = (0..<prompt + steps).map { position in
      shown.contains(position) ? "#" : held.contains(position) ? "o" : "."
    }
    return "layer \(layer) head \(head) |\(row.joined())| \(shown.count) of "
      + "\(kept.count)/\(prompt + steps)"
  }
}
