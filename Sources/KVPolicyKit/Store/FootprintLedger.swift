/// Books the KV footprint: rows held × time, divided by the rows × time of full attention.
///
/// "Cache Me If You Can" (arXiv 2506.17121) defines the footprint: at each time step (the index of
/// the query being processed, prompt included) every entry that is not evicted counts once, per
/// layer and key head; the sum is divided by the sum of full causal attention. An entry evicted
/// before a step's output is computed is not resident at this step; an entry evicted afterwards
/// still is.
///
/// - Precondition: the numbers of tokens and rows that are booked are not negative, and the rows ×
///   time of all lanes together are below 2⁶³. The additions run in every step, so they are checked
///   by nothing but their overflow, which traps.
public struct FootprintLedger: Hashable, Sendable {
  private let lanes: Int
  private var rowSteps = 0
  private var peakRows = 0
  private var tokens = 0

  /// A ledger of `lanes` lanes. Without lanes, its footprint is 0.
  public init(lanes: Int) { self.lanes = max(0, lanes) }

  /// Books one lane for a chunk of `tokens` prompt tokens that found `past` rows: query i of the
  /// chunk sees the past rows and the chunk's first i + 1 rows.
  public mutating func bookChunk(tokens: Int, past: Int) {
    rowSteps += tokens * (tokens + 1) / 2 + tokens * past
  }

  /// Books one lane for one decode step that held `rows` rows while its output was computed.
  public mutating func bookStep(rows: Int) { rowSteps += rows }

  /// Ends a chunk or step. `stored` is the sum, over the lanes, of the most rows that each lane
  /// physically held in it.
  public mutating func advance(tokens count: Int, stored: Int) {
    tokens += count
    peakRows = max(peakRows, stored)
  }

  /// Row-steps divided by those of full attention; 1 for full attention, 0 before the first token.
  public var footprint: Double {
    guard tokens > 0, lanes > 0 else { return 0 }
    return Double(rowSteps) / (Double(lanes) * Double(tokens) * Double(tokens + 1) / 2)
  }

  /// The most rows ever stored at once, divided by the rows that full attention ends with.
  public var peak: Double {
    guard tokens > 0, lanes > 0 else { return 0 }
    return Double(peakRows) / (Double(lanes) * Double(tokens))
  }
}
