import KVPolicyKit

/// Attention of one new token, split so that every thread has work and the result does not depend on how
/// many there are: rows go in runs of `splitRows`, whose partial sums are added in order.
extension LlamaSession {
  private static let splitRows = 128

  /// Rows of the longest lane of a layer.
  func longestLane(_ layer: Int) -> Int {
    (0..<model.configuration.keyHeads).reduce(0) {
      max($0, sequence.rowCount(layer: layer, head: $1))
    }
  }

  /// Logits of every query head over its lane's rows: `queryHeads` rows of `stride` floats.
  @unsafe func computeLogits(
    layer: Int, stride: Int, into logits: UnsafeMutablePointer<Float>
  ) {
    let (group, width) = (sequence.store.shape.group, model.configuration.headDimension)
    let scale = 1 / Float(width).squareRoot()
    if wants[layer].rule != .original {
      return unsafe computePlacedLogits(layer: layer, stride: stride, into: logits)
    }
    let queries = unsafe scratch.queries.base
    unsafe forEachSplit(layer: layer, stride: stride) { head, range in
      unsafe sequence.withRows(layer: layer, head: head) { rows in
        let range = unsafe range.clamped(to: 0..<rows.count)
        unsafe Kernels.logits(
          queries: queries + head * group * width, group: group, rows: rows, range: range,
          scale: scale, into: logits + head * group * stride, stride: stride)
      }
    }
  }

  /// The same when keys are stored un-rotated: each is rotated where the policy has it now, the new
  /// token at its own place.
  @unsafe private func computePlacedLogits(
    layer: Int, stride: Int, into logits: UnsafeMutablePointer<Float>
  ) {
    let (group, width) = (sequence.store.shape.group, model.configuration.headDimension)
    let scale = 1 / Float(width).squareRoot()
    for head in 0..<model.configuration.keyHeads {
      let rows = sequence.rowCount(layer: layer, head: head)
      let keys = unsafe scratch.gatheredKeys.room(rows * width)
      let queries = unsafe scratch.queries.base + head * group * width
      unsafe gatherPlacedKeys(layer: layer, head: head, into: keys)
      unsafe sequence.withPlaces(layer: layer, head: head) { places in
        unsafe rotary.rotate(
          queries, heads: group, position: Int(places[rows - 1]),
          pairing: model.configuration.rope.pairing)
      }
      unsafe Kernels.productTransposed(
        a: queries, aStride: width, b: keys, bStride: width, m: group, n: rows, k: width,
        scale: scale, into: logits + head * group * stride, cStride: stride)
    }
  }

  /// A lane's keys as floats, each rotated at its place.
  @unsafe func gatherPlacedKeys(layer: Int, head: Int, into keys: UnsafeMutablePointer<Float>) {
    let width = model.configuration.headDimension
    unsafe sequence.withRows(layer: layer, head: head) { rows in
      unsafe Kernels.gatherKeys(rows, into: keys)
    }
    unsafe sequence.withPlaces(layer: layer, head: head) { places in
      rotary.prepare(upTo: Int(unsafe places.max() ?? 0) + 1)
      for row in 0..<places.count {
        unsafe rotary.rotate(
          keys + row * width, heads: 1, position: Int(places[row]),
          pairing: model.configuration.rope.pairing)
      }
    }
  }

  /// Turns logits into probabilities, query head by query head.
  @unsafe func softmax(layer: Int, _ weights: UnsafeMutablePointer<Float>, stride: Int) {
    let group = sequence.store.shape.group
    let heads = model.configuration.queryHeads
    let threads = model.threads
    model.team.run { thread in
      for head in Swift.stride(from: thread, to: heads, by: threads) {
        unsafe Kernels.softmax(
          weights + head * stride, count: sequence.rowCount(layer: layer, head: head / group))
      }
    }
  }

  /// `mixed` becomes each query head's weighted sum of its lane's values.
  @unsafe func mixValues(layer: Int, _ weights: UnsafePointer<Float>, stride: Int) {
    let (group, width) = (sequence.store.shape.group, model.configuration.headDimension)
    let keyHeads = model.configuration.keyHeads
    let block = group * width
    let splits = max(1, (stride + Self.splitRows - 1) / Self.splitRows)
    let partial = unsafe scratch.partial.room(splits * keyHeads * block)
    unsafe forEachSplit(layer: layer, stride: stride) { head, range in
      let target = unsafe partial + (range.lowerBound / Self.splitRows * keyHeads + head) * block
      unsafe sequence.withRows(layer: layer, head: head) { rows in
        let range = unsafe range.clamped(to: 0..<rows.count)
        unsafe Kernels.mixValues(
          weights: weights + head * group * stride, stride: stride, group: group, rows: rows,
          range: range, into: target)
      }
    }
    let mixed = unsafe scratch.mixed.base
    unsafe mixed.update(from: partial, count: keyHeads * block)
    for split in 1..<max(1, splits) {
      unsafe Kernels.add(
        partial + split * keyHeads * block, to: mixed, count: keyHeads * block)
    }
  }

  /// Runs `body` for every key head and run of rows, over the team.
  @unsafe private func forEachSplit(
    layer: Int, stride: Int, _ body: (_ head: Int, _ range: Range<Int>) -> Void
  ) {
    let splits = max(1, (stride + Self.splitRows - 1) / Self.splitRows)
    let items = splits * model.configuration.keyHeads
    let threads = model.threads
    model.team.run { thread in
      for item in Swift.stride(from: thread, to: items, by: threads) {
        let first = item % splits * Self.splitRows
        body(item / splits, first..<min(first + Self.splitRows, max(stride, first)))
      }
    }
  }

  /// Rotates `tokens` queries and keys of the scratch at consecutive positions.
  @unsafe func rotate(tokens: Int, from position: Int) {
    let configuration = model.configuration
    let width = configuration.headDimension
    rotary.prepare(upTo: position + tokens)
    for token in 0..<tokens {
      unsafe rotary.rotate(
        scratch.queries.base + token * configuration.queryHeads * width,
        heads: configuration.queryHeads, position: position + token,
        pairing: configuration.rope.pairing)
      unsafe rotary.rotate(
        scratch.keys.base + token * configuration.keyHeads * width, heads: configuration.keyHeads,
        position: position + token, pairing: configuration.rope.pairing)
    }
  }

  /// RMS norm of one token's stream.
  @unsafe func norm(
    _ stream: UnsafePointer<Float>, _ weight: [Float], into target: UnsafeMutablePointer<Float>
  ) {
    unsafe weight.withUnsafeBufferPointer { weight in
      guard let weight = weight.baseAddress else { return }
      unsafe Kernels.rmsNorm(
        stream, weight: weight, epsilon: model.configuration.normEpsilon,
        count: model.configuration.hidden, into: target)
    }
  }
}
