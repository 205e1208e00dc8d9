import KVPolicyKit

/// What the queries of some tokens read of a layer's memory of forgotten rows: for each query head
/// one more part of the softmax, beside those of the rows.
@safe struct ResidualParts {
  // Why no access is out of bounds: the indices of queries are below `count`, for which all buffers
  // have room, and a thread's number is below the thread count that `blocks` was made for.

  private let session: LlamaSession
  private let layer: Int
  private let scratch: Scratch
  /// Queries: tokens × query heads.
  private let count: Int
  @unsafe private let queries: UnsafePointer<Float>  // count × headDimension
  /// `count × headDimension`: sums of weights times values.
  @unsafe let mixed: UnsafeMutablePointer<Float>
  /// `count`: the logarithm of the factor that a query's weights lack.
  @unsafe let tops: UnsafeMutablePointer<Float>
  /// `count`: the sum of a query's weights; 0 where nothing is read.
  @unsafe let totals: UnsafeMutablePointer<Float>

  /// Reads the memory with every query. Nil if the layer has no memory.
  ///
  /// - Parameters:
  ///   - queries: the rotated queries of `tokens` tokens.
  ///   - scratch: the scratch memory that the parts are written to.
  ///   - alone: whether this thread does all the work.
  init?(
    _ session: LlamaSession, layer: Int, _ queries: UnsafePointer<Float>, tokens: Int,
    _ scratch: Scratch, alone: Bool = false
  ) {
    guard session.sequence.hasResidual(layer: layer) else { return nil }
    let configuration = session.model.configuration
    (self.session, self.layer, self.scratch) = (session, layer, scratch)
    count = tokens * configuration.queryHeads
    unsafe self.queries = queries
    unsafe mixed = scratch.residual.room(count * (configuration.headDimension + 2))
    unsafe tops = mixed + count * configuration.headDimension
    unsafe totals = tops + count
    run(alone: alone)
  }

  /// What a query reads.
  func part(_ index: Int) -> ResidualPart {
    unsafe ResidualPart(top: tops[index], total: totals[index])
  }

  private func run(alone: Bool) {
    session.share(count, alone: alone, with: self) { parts, thread, items in
      let room = unsafe parts.scratch.blocks[thread].room(
        parts.session.sequence.residualScratch(layer: parts.layer))
      for item in items { unsafe parts.recall(item, room) }
    }
  }

  @unsafe private func recall(_ index: Int, _ room: UnsafeMutablePointer<Float>) {
    let configuration = session.model.configuration
    let start = index * configuration.headDimension
    let part = unsafe session.sequence.recall(
      layer: layer, queryHead: index % configuration.queryHeads, query: queries + start,
      scratch: room, into: mixed + start)
    unsafe (tops[index], totals[index]) = (part.top, part.total)
  }
}
