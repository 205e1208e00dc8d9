import KVPolicyKit

/// Computes the bounds of a layer's pages before a reader asks for them: all threads read them, and
/// the reader's hook runs on one.
@safe struct PageBoundsJob {
  // Why no access is out of bounds: a lane has at most `pages` pages, and `bounds` has room for
  // that many of every query head.

  /// Parts of a lane's pages, which threads divide.
  private static let parts = 4

  private let sequence: KVSequence
  private let team: ThreadTeam
  private let layer: Int
  private let width: Int
  /// Pages of the longest lane.
  private let pages: Int
  @unsafe private let queries: UnsafePointer<Float>
  @unsafe private let bounds: UnsafeMutablePointer<Float>

  /// Nil if no reader of the layer wants bounds.
  init?(_ session: LlamaSession, layer: Int, _ rows: TokenRows) {
    let sequence = session.sequence
    pages = (0..<sequence.store.shape.keyHeads).reduce(0) {
      max($0, sequence.boundedPages(layer: layer, head: $1))
    }
    guard pages > 0 else { return nil }
    (self.sequence, team, self.layer) = (sequence, session.model.team, layer)
    width = session.model.configuration.headDimension
    unsafe queries = UnsafePointer(rows.queries)
    let heads = session.model.configuration.queryHeads
    unsafe bounds = rows.scratch.pageBounds.room(heads * pages)
  }

  func run(into signals: inout SignalBuffers) {
    let shape = sequence.store.shape
    team.share(shape.keyHeads * Self.parts, grain: 1, with: self) { job, _, items in
      let group = job.sequence.store.shape.group
      for item in items {
        let (head, part) = (item / Self.parts, item % Self.parts)
        let count = job.sequence.boundedPages(layer: job.layer, head: head)
        unsafe job.sequence.computeBounds(
          layer: job.layer, head: head,
          pages: count * part / Self.parts..<count * (part + 1) / Self.parts,
          queries: job.queries + head * group * job.width, count: group,
          into: job.bounds + head * group * job.pages)
      }
    }
    unsafe signals.pageBounds = UnsafePointer(bounds)
    signals.pageStride = pages
  }
}
