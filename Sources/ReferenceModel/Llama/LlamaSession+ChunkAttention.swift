import KVPolicyKit

/// Attention of a chunk: a thread takes a query head, goes through its queries in blocks, and for each
/// block computes logits over the rows it may see, their softmax, and the mix of values.
///
/// The chunk's own rows are the last of every lane, in order, so query i of the chunk sees all rows but
/// the last `count − 1 − i`.
extension LlamaSession {
  private static let blockQueries = 32

  /// `mixed` becomes the attention output of the chunk's `count` queries; `columnSums` the sums of their
  /// probabilities, if the layer's policy wants them.
  @unsafe func attendChunk(layer: Int, count: Int, stride: Int) {
    let configuration = model.configuration
    let width = configuration.headDimension
    let laneFloats = stride * width
    let keys = unsafe scratch.gatheredKeys.room(configuration.keyHeads * laneFloats)
    let values = unsafe scratch.gatheredValues.room(configuration.keyHeads * laneFloats)
    for head in 0..<configuration.keyHeads {
      unsafe gatherLane(
        layer: layer, head: head, count: count, keys: keys + head * laneFloats,
        values: values + head * laneFloats)
    }
    let sums = unsafe scratch.columnSums.room(configuration.queryHeads * stride)
    if wants[layer].promptColumnSums {
      unsafe sums.update(repeating: 0, count: configuration.queryHeads * stride)
    }
    let group = sequence.store.shape.group
    let threads = model.threads
    model.team.run { thread in
      for head in Swift.stride(from: thread, to: configuration.queryHeads, by: threads) {
        let lane = head / group
        unsafe attendChunk(
          layer: layer, queryHead: head, count: count, thread: thread,
          keys: keys + lane * laneFloats, values: values + lane * laneFloats,
          sums: wants[layer].promptColumnSums ? sums + head * stride : nil)
      }
    }
  }

  @unsafe private func attendChunk(
    layer: Int, queryHead: Int, count: Int, thread: Int, keys: UnsafePointer<Float>,
    values: UnsafePointer<Float>, sums: UnsafeMutablePointer<Float>?
  ) {
    let configuration = model.configuration
    let (width, heads) = (configuration.headDimension, configuration.queryHeads)
    let rows = sequence.rowCount(layer: layer, head: queryHead / sequence.store.shape.group)
    let past = rows - count
    let scale = 1 / Float(width).squareRoot()
    for first in Swift.stride(from: 0, to: count, by: Self.blockQueries) {
      let size = min(Self.blockQueries, count - first)
      let visible = past + first + size
      let block = unsafe scratch.blocks[thread].room(Self.blockQueries * visible)
      unsafe Kernels.productTransposed(
        a: scratch.queries.base + (first * heads + queryHead) * width, aStride: heads * width,
        b: keys, bStride: width, m: size, n: visible, k: width, scale: scale, into: block,
        cStride: visible)
      for query in 0..<size {
        let row = unsafe block + query * visible
        let own = past + first + query + 1
        unsafe Kernels.softmax(row, count: own)
        unsafe (row + own).update(repeating: 0, count: visible - own)
        if let sums = unsafe sums { unsafe Kernels.add(row, to: sums, count: own) }
      }
      unsafe Kernels.product(
        a: block, aStride: visible, b: values, bStride: width, m: size, n: width, k: visible,
        into: scratch.mixed.base + (first * heads + queryHead) * width, cStride: heads * width)
    }
  }

  /// A lane's keys and values as floats. Under another position rule than `original` the keys, and the
  /// chunk's queries of the group, are rotated at their places.
  @unsafe private func gatherLane(
    layer: Int, head: Int, count: Int, keys: UnsafeMutablePointer<Float>,
    values: UnsafeMutablePointer<Float>
  ) {
    unsafe sequence.withRows(layer: layer, head: head) { rows in
      unsafe Kernels.gatherValues(rows, into: values)
    }
    guard wants[layer].rule != .original else {
      unsafe sequence.withRows(layer: layer, head: head) { rows in
        unsafe Kernels.gatherKeys(rows, range: 0..<rows.count, into: keys)
      }
      return
    }
    let configuration = model.configuration
    let (width, group) = (configuration.headDimension, sequence.store.shape.group)
    unsafe preparePlaces(layer: layer, head: head)
    unsafe gatherPlacedKeys(
      layer: layer, head: head, range: 0..<sequence.rowCount(layer: layer, head: head), into: keys)
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

  /// Logits of the prompt's last queries over the rows present now: `queryHeads × queries` rows of
  /// `stride` floats, −∞ where a row is later than the query. Uses the keys that `attendChunk` gathered.
  @unsafe func promptRows(layer: Int, stride: Int) -> UnsafePointer<Float> {
    let configuration = model.configuration
    let (width, heads) = (configuration.headDimension, configuration.queryHeads)
    let group = sequence.store.shape.group
    let recent = recentQueries[layer]
    let count = recent.count
    let target = unsafe scratch.promptRows.room(heads * count * stride)
    let keys = unsafe scratch.gatheredKeys.base
    let threads = model.threads
    let scale = 1 / Float(width).squareRoot()
    model.team.run { thread in
      for head in Swift.stride(from: thread, to: heads, by: threads) {
        let lane = head / group
        let rows = sequence.rowCount(layer: layer, head: lane)
        let block = unsafe target + head * count * stride
        unsafe Kernels.productTransposed(
          a: recent.base + head * width, aStride: heads * width,
          b: keys + lane * stride * width, bStride: width, m: count, n: rows, k: width,
          scale: scale, into: block, cStride: stride)
        unsafe sequence.withPositions(layer: layer, head: lane) { positions in
          for query in 0..<count {
            let own = Int32(recent.positions[query])
            for row in 0..<rows where unsafe positions[row] > own {
              unsafe block[query * stride + row] = -.infinity
            }
          }
        }
      }
    }
    return unsafe UnsafePointer(target)
  }
}

/// The queries of a prompt's last tokens in one layer, oldest first, rotated as they were when read.
@safe final class RecentQueries {
  // The buffer holds at least `count` queries of `width` floats; `count` never exceeds `room`, which a
  // setting names and no prompt may ever reach, so memory is taken as queries come.
  private let room: Int
  private let width: Int
  private var buffer = FloatBuffer()
  private(set) var positions: [Int] = []

  init(room: Int, width: Int) {
    self.room = room
    self.width = width
  }

  var count: Int { positions.count }
  @unsafe var base: UnsafeMutablePointer<Float> { unsafe buffer.base }

  func removeAll() { positions.removeAll(keepingCapacity: true) }

  func copy() -> RecentQueries {
    let other = RecentQueries(room: room, width: width)
    other.grow(to: count)
    unsafe other.buffer.base.update(from: buffer.base, count: count * width)
    other.positions = positions
    return other
  }

  /// Appends `added` queries at consecutive positions, letting go of the oldest ones.
  @unsafe func append(_ queries: UnsafePointer<Float>, count added: Int, firstPosition: Int) {
    let fresh = min(added, room)
    let kept = min(count, room - fresh)
    grow(to: kept + fresh)
    if kept < count {
      unsafe buffer.base.update(from: buffer.base + (count - kept) * width, count: kept * width)
      positions.removeFirst(count - kept)
    }
    unsafe (buffer.base + kept * width).update(
      from: queries + (added - fresh) * width, count: fresh * width)
    positions += firstPosition + added - fresh..<firstPosition + added
  }

  /// Makes the buffer hold `queries` and keeps those that are in it.
  private func grow(to queries: Int) {
    guard queries * width > buffer.capacity else { return }
    let larger = FloatBuffer(queries * width)
    unsafe larger.base.update(from: buffer.base, count: count * width)
    buffer = larger
  }
}
