import KVPolicyKit

/// A token that was decoded, which later steps correct.
struct PastToken {
  /// What the token has read in one layer, by query head.
  struct Layer {
    /// The rotated queries of the token's own step.
    var queries: [[Float]]
    var read: [Set<Int>]
    /// The logits and values of all rows read, as they were then.
    var (logits, values): ([[Float]], [[[Float]]])
    /// Rows read in later steps, over all query heads.
    var late = 0

    init(heads: Int) {
      queries = Array(repeating: [], count: heads)
      read = Array(repeating: [], count: heads)
      logits = queries
      values = Array(repeating: [], count: heads)
    }
  }

  let position: Int
  var layers: [Layer]

  /// The position in the text whose vectors the token has in a layer: its own, or, if the token has
  /// read more in lower layers since its own step, another that no text reaches. So a token's keys
  /// and values change exactly when a model's would.
  func content(layer: Int) -> Int {
    position + layers[..<layer].reduce(0) { $0 + $1.late } << 32
  }
}

/// Correcting past tokens.
extension PlainEngine {
  /// Writes the keys and values of past tokens over those of a layer.
  func overwritePast(layer: Int) throws(StoreError) {
    for token in past {
      let (content, position) = (token.content(layer: layer), token.position)
      let heads = 0..<source.shape.keyHeads
      let keys = heads.flatMap { source.rotate(source.key(layer, $0, content), at: position) }
      let values = heads.flatMap { source.value(layer, $0, content) }
      // Both arrays hold keyHeads × headDimension floats, as `overwrite` reads.
      let result = unsafe keys.withUnsafeBufferPointer { keys in
        unsafe values.withUnsafeBufferPointer { values -> Result<Void, StoreError> in
          guard let keys = keys.baseAddress, let values = values.baseAddress else {
            return .success(())
          }
          do throws(StoreError) {
            try unsafe sequence.overwrite(
              layer: layer, position: position, keys: keys, values: values)
            return .success(())
          } catch { return .failure(error) }
        }
      }
      try result.get()
    }
  }

  /// Lets past tokens read the rows of a step that they have not read, and notes what the step's
  /// own token at `position` reads.
  func revise(layer: Int, position: Int, _ queries: [[Float]], _ lanes: [PlainLane]) {
    guard let revision = sequence.revision else { return }
    let shape = source.shape
    if layer == 0 {
      let unread = PastToken.Layer(heads: shape.queryHeads)
      past.append(
        PastToken(position: position, layers: Array(repeating: unread, count: shape.layers)))
    }
    for index in past.indices {
      let (own, isNew) = (past[index].position, past[index].position == position)
      let content = past[index].content(layer: layer)
      var reading = past[index].layers[layer]
      if isNew { reading.queries = queries }
      var output: [Float] = []
      for head in 0..<shape.queryHeads {
        let isRecomputed = !isNew && revision.pastQuery == .recomputed
        let query =
          isRecomputed
          ? source.rotate(source.query(layer, head, content), at: own) : reading.queries[head]
        let lane = lanes[head / shape.group]
        let logits = logits(of: query, layer: layer, head: head, position: own, lane)
        let named = sequence.readRows(list: head / sequence.listGroup).map { $0.map { Int($0) } }
        for row in named ?? Array(0..<lane.count) where lane.positions[row] <= own {
          guard reading.read[head].insert(lane.positions[row]).inserted else { continue }
          reading.logits[head].append(logits[row])
          reading.values[head].append(lane.values[row])
          reading.late += isNew ? 0 : 1
        }
        output += Plain.mix(reading.values[head], Plain.softmax(reading.logits[head]))
      }
      past[index].layers[layer] = reading
      guard !isNew, own < outputs.count else { continue }
      let width = output.count
      outputs[own].replaceSubrange(layer * width..<(layer + 1) * width, with: output)
    }
  }

  /// Leaves out the token that no later step corrects.
  func forgetPast() {
    guard let revision = sequence.revision, past.count >= revision.window else { return }
    past.removeFirst()
  }
}
