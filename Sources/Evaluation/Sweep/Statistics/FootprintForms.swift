/// The KV footprint of a policy, computed from its sizes: rows × time divided by rows × time of
/// full attention, and the most rows stored at once divided by the rows of full attention at the
/// end.
///
/// A footprint that a store measured can be checked against these closed forms, and published
/// footprints can be computed again.
public struct FootprintForm: Equatable, Sendable {
  /// Rows × time per lane.
  public let rowSteps: Double
  /// The rows stored in each chunk of the prompt, and at the end.
  public let stored: [Double]
  /// Tokens in all.
  public let tokens: Int

  /// The footprint; 1 for full attention.
  public var footprint: Double { rowSteps / FootprintForm.triangle(tokens) }
  /// The peak; 1 for full attention.
  public var peak: Double { (stored.max() ?? 0) / Double(tokens) }

  /// 1 + 2 + … + n, which is the rows × time of full attention over n tokens.
  static func triangle(_ n: Int) -> Double { Double(n) * Double(n + 1) / 2 }

  /// The chunks of a prompt.
  static func chunks(_ prompt: Int, _ chunk: Int) -> [Range<Int>] {
    stride(from: 0, to: prompt, by: chunk).map { $0..<min($0 + chunk, prompt) }
  }
}

/// "Cache Me If You Can" (arXiv 2506.17121): the forms of the authors' `kv_footprint.py`, in which
/// prompts are read in chunks.
extension FootprintForm {
  /// Rows that the authors' chunked eviction keeps in every chunk beside the share: the window.
  static let window = 64

  /// A head that keeps its first `sinks` and last `local` rows. Within a chunk nothing is
  /// forgotten.
  public static func streaming(
    prompt: Int, decode: Int, chunk: Int, sinks: Int, local: Int
  ) -> FootprintForm {
    func kept(_ tokens: Int) -> Int { min(tokens, local) + min(max(tokens - local, 0), sinks) }
    var (rowSteps, stored) = (0.0, [Double]())
    for part in chunks(prompt, chunk) {
      let past = kept(part.lowerBound)
      rowSteps += triangle(part.count) + Double(part.count * past)
      stored.append(Double(part.count + past))
    }
    for position in prompt..<prompt + decode { rowSteps += Double(1 + kept(position)) }
    if decode > 0 { stored.append(Double(1 + kept(prompt + decode - 1))) }
    return FootprintForm(rowSteps: rowSteps, stored: stored, tokens: prompt + decode)
  }

  /// A head that keeps a share of every chunk, `1 − sparsity`, and 64 rows more; and everything
  /// that is written. With a sparsity of 0 it is full attention.
  public static func global(
    prompt: Int, decode: Int, chunk: Int, sparsity: Double
  ) -> FootprintForm {
    var (past, rowSteps, stored) = (0, 0.0, [Double]())
    for part in chunks(prompt, chunk) {
      rowSteps += triangle(part.count) + Double(past * part.count)
      stored.append(Double(past + part.count))
      let share = ((1 - sparsity) * Double(part.count)).rounded(.toNearestOrEven)
      past += min(Int(share) + window, part.count)
    }
    rowSteps += triangle(decode) + Double(past * decode)
    if decode > 0 { stored.append(Double(past + decode)) }
    return FootprintForm(rowSteps: rowSteps, stored: stored, tokens: prompt + decode)
  }

  /// Heads of two forms, of which `share` have this form and the others another, over the same
  /// chunks. The peak is the greatest sum at one moment, not the sum of two peaks.
  ///
  /// - Precondition: both forms have the same chunks and tokens.
  public func mixed(_ share: Double, with other: FootprintForm) -> FootprintForm {
    precondition(
      stored.count == other.stored.count && tokens == other.tokens,
      "forms are mixed moment by moment")
    return FootprintForm(
      rowSteps: share * rowSteps + (1 - share) * other.rowSteps,
      stored: zip(stored, other.stored).map { share * $0 + (1 - share) * $1 }, tokens: tokens)
  }
}

/// Policies that keep a constant number of rows while they write, after a prompt that is read in
/// one piece. A row that is evicted before a step's output is computed is not resident at this
/// step; a row that is evicted afterwards still is. The peak counts what is stored.
extension FootprintForm {
  /// A policy that keeps `rows` rows beside the new row in every decode step (H2O and StreamingLLM
  /// with both of their parts, TOVA, MorphKV), or all rows until there are as many.
  ///
  /// - Parameters:
  ///   - prompt: tokens of the prompt.
  ///   - decode: tokens that are written.
  ///   - rows: rows that stay.
  ///   - prunesAtEnd: whether it evicts at the end of the prompt. If not, the first step still
  ///     stores the whole prompt, but reads `rows` rows of it.
  public static func constant(
    prompt: Int, decode: Int, rows: Int, prunesAtEnd: Bool = true
  ) -> FootprintForm {
    var (rowSteps, most) = (triangle(prompt), prompt)
    for step in 0..<decode { rowSteps += Double(min(prompt + step, rows) + 1) }
    if decode > 0 {
      most = max(most, min(prompt + decode, rows + 1))
      if !prunesAtEnd { most = max(most, prompt + 1) }
    }
    return FootprintForm(rowSteps: rowSteps, stored: [Double(most)], tokens: prompt + decode)
  }

  /// A policy that keeps `rows` rows of the prompt and everything that is written (SnapKV); full
  /// attention with as many rows as the prompt has.
  public static func promptOnly(prompt: Int, decode: Int, rows: Int) -> FootprintForm {
    let kept = min(rows, prompt)
    return FootprintForm(
      rowSteps: triangle(prompt) + Double(decode * kept) + triangle(decode),
      stored: [Double(max(prompt, kept + decode))], tokens: prompt + decode)
  }
}
