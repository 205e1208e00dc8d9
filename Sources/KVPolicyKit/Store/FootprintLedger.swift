/// Books the KV footprint: rows held × time, over the same for full attention.
///
/// "Cache Me If You Can" (arXiv 2506.17121) defines it: at each time step (the index of the query being
/// processed, prompt included) every entry that is not evicted counts once, per layer and key head; the
/// sum is divided by that of full causal attention. An entry evicted before a step's output is computed
/// is not resident at that step; one evicted after it still is.
public struct FootprintLedger: Hashable, Sendable {
  private let lanes: Int
  private var rowSteps = 0
  private var peakRows = 0
  private var tokens = 0

  /// A ledger of so many lanes.
  public init(lanes: Int) {
    precondition(lanes > 0, "a ledger needs at least one lane")
    self.lanes = lanes
  }

  /// Books one lane for a chunk of `tokens` prompt tokens that found `past` rows: query i of the chunk
  /// sees the past and the chunk's first i + 1.
  public mutating func bookChunk(tokens: Int, past: Int) {
    rowSteps += tokens * (tokens + 1) / 2 + tokens * past
  }

  /// Books one lane for one decode step that held `rows` rows while its output was computed.
  public mutating func bookStep(rows: Int) { rowSteps += rows }

  /// Ends a chunk or step: `stored` is the sum over lanes of the most rows each physically held in it.
  public mutating func advance(tokens count: Int, stored: Int) {
    tokens += count
    peakRows = max(peakRows, stored)
  }

  /// Row-steps over those of full attention; 1 for full attention, 0 before the first token.
  public var footprint: Double {
    guard tokens > 0 else { return 0 }
    return Double(rowSteps) / (Double(lanes) * Double(tokens) * Double(tokens + 1) / 2)
  }

  /// The most rows ever stored over those that full attention ends with.
  public var peak: Double {
    guard tokens > 0 else { return 0 }
    return Double(peakRows) / (Double(lanes) * Double(tokens))
  }
}
