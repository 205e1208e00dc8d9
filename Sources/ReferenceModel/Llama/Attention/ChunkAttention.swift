import KVPolicyKit

/// Attention of a chunk of the prompt.
///
/// The threads first pack every lane for products with many queries. Then each thread takes one
/// block of queries at a time, with the query heads of one lane.
///
/// The chunk's rows are the last rows of every lane, in order. So query i of the chunk sees all
/// rows but the last `count − 1 − i`. A probe's rows are in no lane: they are packed after the rows
/// of every lane.
@safe struct ChunkAttention {
  // Why no access is out of bounds: lanes have at most `stride` rows, and the indices of blocks,
  // lanes and threads are below the counts that the buffers were sized for.

  private let session: LlamaSession
  private let layer: Int
  /// Number of queries in the chunk.
  private let count: Int
  /// Rows of the longest lane; also the floats from one query head's column sums to the next
  /// head's.
  private let stride: Int
  private let wantsSums: Bool
  /// The rows of a probe; nil for a chunk.
  @unsafe private let probe: TokenRows?
  /// Where the queries go that the policy may be shown.
  private let recent: RecentQueries

  /// Blocks of a wave. Their column sums are kept apart and added in order, so that the result does
  /// not depend on the number of threads.
  private static let waveBlocks = 16

  private var scratch: Scratch { session.scratch }
  private var team: ThreadTeam { session.model.team }
  private var configuration: LlamaConfiguration { session.model.configuration }
  private var group: Int { session.sequence.store.shape.group }

  /// The attention of a layer's newest `count` rows.
  init(_ session: LlamaSession, layer: Int, count: Int) {
    self.session = session
    self.layer = layer
    self.count = count
    stride = session.longestLane(layer)
    wantsSums = session.declared[layer].signals.promptColumnSums
    unsafe probe = nil
    recent = session.recentQueries[layer]
  }

  /// The attention of a probe over a layer's rows and its own.
  init(_ session: LlamaSession, layer: Int, probe rows: TokenRows) {
    self.session = session
    self.layer = layer
    unsafe count = rows.count
    stride = unsafe session.longestLane(layer) + rows.count
    wantsSums = false
    unsafe probe = rows
    recent = session.probeQueries
  }

  /// The signals to show the policy, after `run`.
  func signals(_ shown: SignalSet) -> SignalBuffers {
    var signals = SignalBuffers()
    signals.stride = stride
    if shown.promptColumnSums {
      unsafe signals.columnSums = UnsafePointer(scratch.columnSums.base)
    }
    if shown.keptQueries(inPrompt: true) > 0 {
      signals.promptRowCount = recent.count
      signals.promptRows = PromptRows(
        session, layer: layer, stride: stride, recent, isProbe: isProbe)
    }
    signals.probeRowCount = isProbe ? count : 0
    return signals
  }

  private var isProbe: Bool { unsafe probe != nil }

  /// The rows that a lane's queries see in all: those of the lane, and those of the probe.
  private func rowCount(_ head: Int) -> Int {
    session.sequence.rowCount(layer: layer, head: head) + (isProbe ? count : 0)
  }

  /// Computes the attention output of the chunk's queries into `scratch.mixed` and, if the layer's
  /// policy wants them, the column sums of the probabilities into `scratch.columnSums`.
  func run() {
    packLanes()
    let residual = unsafe ResidualParts(
      session, layer: layer, scratch.queries.base, tokens: count, scratch)
    let heads = configuration.queryHeads
    let sums = unsafe scratch.columnSums.room(wantsSums ? heads * stride : 0)
    if wantsSums { unsafe sums.update(repeating: 0, count: heads * stride) }

    let size = ChunkShape.queries(group: group)
    for wave in Swift.stride(from: 0, to: count, by: Self.waveBlocks * size) {
      let queries = wave..<min(wave + Self.waveBlocks * size, count)
      let blocks = (queries.count + size - 1) / size
      let partial = unsafe scratch.partial.room(wantsSums ? blocks * heads * stride : 0)
      team.share(blocks * configuration.keyHeads, grain: 1) { thread, items in
        for item in items {
          // The last queries see the most rows. Their blocks go first, so that no thread finishes
          // late with a long block.
          let (block, lane) = (blocks - 1 - item % blocks, item / blocks)
          let first = queries.lowerBound + block * size
          unsafe attendBlock(
            head: lane, queries: first..<min(first + size, queries.upperBound), thread: thread,
            residual, sums: wantsSums ? partial + block * heads * stride : nil)
        }
      }
      if wantsSums { unsafe addSums(partial, blocks: blocks, to: sums) }
    }
  }

  /// Computes the attention of some queries of the chunk, for the query heads of one lane.
  ///
  /// `sums`, if given, receives the column sums. It holds `queryHeads × stride` floats, of which
  /// only those of the lane's query heads are written.
  @unsafe private func attendBlock(
    head: Int, queries: Range<Int>, thread: Int, _ residual: ResidualParts?,
    sums: UnsafeMutablePointer<Float>?
  ) {
    let width = configuration.headDimension
    let shape = ChunkShape(
      queries: queries.count, group: group, depth: width,
      past: rowCount(head) - count + queries.lowerBound,
      keepsWeights: unsafe sums != nil)
    let block = unsafe ChunkBlock(
      shape, lane: session.packedLane(head, stride: stride),
      scratch: scratch.blocks[thread].room(shape.scratchFloats))
    let tokenWidth = configuration.queryHeads * width
    let start = queries.lowerBound * tokenWidth + head * group * width
    unsafe block.attend(
      scratch.queries.base + start, stride: tokenWidth, scale: 1 / Float(width).squareRoot(),
      into: scratch.mixed.base + start)
    if let residual {
      let first = queries.lowerBound * configuration.queryHeads + head * group
      unsafe block.join(
        residual.mixed + start, tops: residual.tops + first, totals: residual.totals + first,
        heads: configuration.queryHeads, into: scratch.mixed.base + start, stride: tokenWidth)
    }
    // The remembered queries end with the chunk's queries.
    let offset = recent.count - count
    if queries.upperBound + offset > 0 {
      unsafe block.writeLogSums(
        to: recent.logSums + head * group, stride: configuration.queryHeads,
        offset: queries.lowerBound + offset)
    }
    if let sums = unsafe sums {
      let own = unsafe sums + head * group * stride
      unsafe own.update(repeating: 0, count: group * stride)
      unsafe block.addColumnSums(to: own, stride: stride)
    }
  }

  /// Adds the column sums of a wave's blocks, in order.
  @unsafe private func addSums(
    _ partial: UnsafePointer<Float>, blocks: Int, to sums: UnsafeMutablePointer<Float>
  ) {
    let heads = configuration.queryHeads
    team.share(heads, grain: 1) { _, range in
      for head in range {
        for block in 0..<blocks {
          unsafe Kernels.add(
            partial + (block * heads + head) * stride, to: sums + head * stride, count: stride)
        }
      }
    }
  }

  /// Packs the layer's keys and values as floats, for products with many queries. Under a position
  /// rule other than `original`, it also rotates the keys and the chunk's queries at their places.
  private func packLanes() {
    let width = configuration.headDimension
    _ = unsafe scratch.packedLanes.room(
      configuration.keyHeads * PackedLane.floats(rows: stride, depth: width))
    let isPlaced = session.declared[layer].rule != .original
    if isPlaced { unsafe session.placeQueries(scratch.queries.base, count: count, layer: layer) }
    let runs = (stride + ChunkShape.run - 1) / ChunkShape.run
    team.share(runs * configuration.keyHeads, grain: 1) { thread, items in
      let floats = unsafe scratch.blocks[thread].room(ChunkShape.run * width)
      for item in items {
        let (head, first) = (item / runs, item % runs * ChunkShape.run)
        let lane = unsafe session.packedLane(head, stride: stride)
        let range = (first..<first + ChunkShape.run).clamped(to: 0..<rowCount(head))
        unsafe session.sequence.withRows(layer: layer, head: head) { rows in
          let stored = unsafe range.clamped(to: 0..<rows.count)
          unsafe Kernels.gatherValues(rows, range: stored, into: floats)
          if let probe = unsafe probe {
            unsafe gather(probe.values, of: head, range, after: rows.count, into: floats)
          }
          unsafe lane.packValues(floats, range: range)
          unsafe Kernels.gatherKeys(rows, range: stored, into: floats)
          if let probe = unsafe probe {
            unsafe gather(probe.keys, of: head, range, after: rows.count, into: floats)
          }
        }
        if isPlaced {
          unsafe session.rotateKeys(floats, layer: layer, head: head, range: range)
        }
        unsafe lane.packKeys(floats, range: range)
      }
    }
  }

  /// Copies the probe's keys or values of one head that belong to `range`, where they come after
  /// the `stored` rows of the lane.
  @unsafe private func gather(
    _ vectors: UnsafePointer<Float>, of head: Int, _ range: Range<Int>, after stored: Int,
    into floats: UnsafeMutablePointer<Float>
  ) {
    let width = configuration.headDimension
    for row in range.clamped(to: stored..<stored + count) {
      let source = unsafe vectors + ((row - stored) * configuration.keyHeads + head) * width
      unsafe (floats + (row - range.lowerBound) * width).update(from: source, count: width)
    }
  }
}

extension LlamaSession {
  /// The number of rows in the longest lane of a layer.
  func longestLane(_ layer: Int) -> Int {
    (0..<model.configuration.keyHeads).reduce(0) {
      max($0, sequence.rowCount(layer: layer, head: $1))
    }
  }

  /// The number of rows in the longest of the lists that a layer's step reads.
  func longestList(_ layer: Int, of lists: Int) -> Int {
    (0..<lists).reduce(0) { max($0, sequence.readCount(layer: layer, list: $1)) }
  }

  /// A lane's part of the scratch buffer `packedLanes`, once `packLanes` has made room for it.
  @unsafe func packedLane(_ head: Int, stride: Int) -> PackedLane {
    let width = model.configuration.headDimension
    let floats = PackedLane.floats(rows: stride, depth: width)
    return unsafe PackedLane(scratch.packedLanes.base + head * floats, rows: stride, depth: width)
  }
}
