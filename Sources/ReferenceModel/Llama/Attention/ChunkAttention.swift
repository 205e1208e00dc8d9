import KVPolicyKit

/// Attention of a chunk: the threads first lay every lane out for products with many queries, then
/// take blocks of queries, each with the query heads of one lane.
///
/// The chunk's own rows are the last of every lane, in order, so query i of the chunk sees all rows
/// but the last `count − 1 − i`.
extension LlamaSession {
  // Lanes have at most `stride` rows; blocks, lanes and threads are below the numbers that their
  // buffers were made for.

  /// Blocks of a wave: their column sums are kept apart and added in order.
  private static let waveBlocks = 16

  /// `mixed` becomes the attention output of the chunk's `count` queries; `columnSums` the sums of their
  /// probabilities, if the layer's policy wants them.
  @unsafe func attendChunk(layer: Int, count: Int, stride: Int) {
    unsafe packLanes(layer: layer, count: count, stride: stride)
    let heads = model.configuration.queryHeads
    let wantsSums = wants[layer].signals.promptColumnSums
    let sums = unsafe scratch.columnSums.room(wantsSums ? heads * stride : 0)
    if wantsSums { unsafe sums.update(repeating: 0, count: heads * stride) }

    let size = ChunkShape.queries(group: sequence.store.shape.group)
    for wave in Swift.stride(from: 0, to: count, by: Self.waveBlocks * size) {
      let queries = wave..<min(wave + Self.waveBlocks * size, count)
      let blocks = (queries.count + size - 1) / size
      let partial = unsafe scratch.partial.room(wantsSums ? blocks * heads * stride : 0)
      model.team.share(blocks * model.configuration.keyHeads, grain: 1) { thread, items in
        for item in items {
          // The last queries see the most: they go first, so that no thread is left with them.
          let (block, lane) = (blocks - 1 - item % blocks, item / blocks)
          let first = queries.lowerBound + block * size
          unsafe attendBlock(
            layer: layer, head: lane, queries: first..<min(first + size, queries.upperBound),
            of: count, stride: stride, thread: thread,
            sums: wantsSums ? partial + block * heads * stride : nil)
        }
      }
      if wantsSums { unsafe addSums(partial, blocks: blocks, stride: stride, to: sums) }
    }
  }

  /// Some queries of the chunk, for the query heads of one lane. Its column sums, if `sums` is
  /// given, go there: `queryHeads` rows of `stride` floats, of which those of the lane are written.
  @unsafe private func attendBlock(
    layer: Int, head: Int, queries: Range<Int>, of count: Int, stride: Int, thread: Int,
    sums: UnsafeMutablePointer<Float>?
  ) {
    let configuration = model.configuration
    let (width, group) = (configuration.headDimension, sequence.store.shape.group)
    let shape = ChunkShape(
      queries: queries.count, group: group, depth: width,
      past: sequence.rowCount(layer: layer, head: head) - count + queries.lowerBound,
      keepsWeights: unsafe sums != nil)
    let block = unsafe ChunkBlock(
      shape, lane: packedLane(head, stride: stride),
      scratch: scratch.blocks[thread].room(shape.scratchFloats))
    let tokenWidth = configuration.queryHeads * width
    let start = queries.lowerBound * tokenWidth + head * group * width
    unsafe block.attend(
      scratch.queries.base + start, stride: tokenWidth, scale: 1 / Float(width).squareRoot(),
      into: scratch.mixed.base + start)
    let recent = recentQueries[layer]
    // The chunk's last queries are the last of those that are remembered.
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

  /// Adds the sums of a wave's blocks, in order.
  @unsafe private func addSums(
    _ partial: UnsafePointer<Float>, blocks: Int, stride: Int,
    to sums: UnsafeMutablePointer<Float>
  ) {
    let heads = model.configuration.queryHeads
    model.team.share(heads, grain: 1) { _, range in
      for head in range {
        for block in 0..<blocks {
          unsafe Kernels.add(
            partial + (block * heads + head) * stride, to: sums + head * stride, count: stride)
        }
      }
    }
  }

  /// The place of a lane in the scratch `packedLanes`, which `packLanes` has made.
  @unsafe func packedLane(_ head: Int, stride: Int) -> PackedLane {
    let width = model.configuration.headDimension
    let floats = unsafe PackedLane.floats(rows: stride, depth: width)
    return unsafe PackedLane(scratch.packedLanes.base + head * floats, rows: stride, depth: width)
  }

  /// The layer's keys and values as floats, laid out for products with many queries. Under another
  /// position rule than `original` the keys, and the chunk's queries, are rotated at their places.
  @unsafe private func packLanes(layer: Int, count: Int, stride: Int) {
    let configuration = model.configuration
    let width = configuration.headDimension
    _ = unsafe scratch.packedLanes.room(
      configuration.keyHeads * PackedLane.floats(rows: stride, depth: width))
    let isPlaced = wants[layer].rule != .original
    if isPlaced {
      for head in 0..<configuration.keyHeads {
        unsafe preparePlaces(layer: layer, head: head)
        unsafe placeQueries(layer: layer, head: head, count: count)
      }
    }
    let runs = (stride + ChunkShape.run - 1) / ChunkShape.run
    model.team.share(runs * configuration.keyHeads, grain: 1) { thread, items in
      let floats = unsafe scratch.blocks[thread].room(ChunkShape.run * width)
      for item in items {
        let (head, first) = (item / runs, item % runs * ChunkShape.run)
        let lane = unsafe packedLane(head, stride: stride)
        let rows = sequence.rowCount(layer: layer, head: head)
        let range = (first..<first + ChunkShape.run).clamped(to: 0..<rows)
        unsafe sequence.withRows(layer: layer, head: head) { rows in
          unsafe Kernels.gatherValues(rows, range: range, into: floats)
          unsafe lane.packValues(floats, range: range)
          unsafe Kernels.gatherKeys(rows, range: range, into: floats)
        }
        if isPlaced {
          unsafe rotateKeys(floats, layer: layer, head: head, range: range)
        }
        unsafe lane.packKeys(floats, range: range)
      }
    }
  }

  /// Rotates the chunk's queries of a lane at its last `count` places.
  @unsafe private func placeQueries(layer: Int, head: Int, count: Int) {
    let configuration = model.configuration
    let (width, group) = (configuration.headDimension, sequence.store.shape.group)
    unsafe sequence.withPlaces(layer: layer, head: head) { places in
      let past = places.count - count
      for query in 0..<count {
        let start = (query * configuration.queryHeads + head * group) * width
        unsafe placeRotary.rotate(
          scratch.queries.base + start, heads: group, position: Int(places[past + query]),
          pairing: configuration.rope.pairing)
      }
    }
  }
}
