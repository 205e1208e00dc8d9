import KVPolicyKit

/// Attention of one new token. What the threads share out is in `StepAttention`.
extension LlamaSession {
  /// Rows of the longest lane of a layer.
  func longestLane(_ layer: Int) -> Int {
    (0..<model.configuration.keyHeads).reduce(0) {
      max($0, sequence.rowCount(layer: layer, head: $1))
    }
  }

  /// The token's `mixed` becomes each query head's weighted sum of its lane's values, in one region of the team.
  @unsafe func attend(_ step: StepAttention) {
    unsafe model.team.share(step.splits, grain: 1, with: step) { step, thread, splits in
      for split in splits {
        unsafe step.computeLogits(split, thread: thread)
        unsafe step.mixValues(split)
      }
    }
    unsafe step.join()
  }

  /// Only the logits, for a policy that has its say before the output, and the weights if it asks for
  /// probabilities.
  @unsafe func computeLogits(_ step: StepAttention, weighing: Bool) {
    unsafe model.team.share(step.splits, grain: 1, with: (step, weighing)) {
      input, thread, splits in
      for split in splits {
        unsafe input.0.computeLogits(split, thread: thread)
        if unsafe input.1 { unsafe input.0.weigh(split) }
      }
    }
  }

  /// The rest of `attend`, while one thread shows a policy the step.
  @unsafe func mixValues(_ step: StepAttention, showing signals: SignalBuffers, layer: Int) {
    let input = unsafe (step, self, signals, layer)
    // The hook reads and writes columns and what the policy remembers; the rest, rows and weights.
    unsafe model.team.share(1 + step.splits, grain: 1, with: input) { input, _, items in
      for item in items {
        if item == 0 {
          unsafe input.1.show(layer: input.3, signals: input.2, beside: true)
        } else {
          unsafe input.0.mixValues(item - 1)
        }
      }
    }
    unsafe step.join()
  }

  /// The rest of `attend`.
  @unsafe func mixValues(_ step: StepAttention) {
    unsafe model.team.share(step.splits, grain: 1, with: step) { step, _, splits in
      for split in splits { unsafe step.mixValues(split) }
    }
    unsafe step.join()
  }

  /// The probabilities of every query head, for a policy. On this thread: the work is less than sharing
  /// it out.
  @unsafe func normalise(_ step: StepAttention, into target: UnsafeMutablePointer<Float>) {
    for head in 0..<model.configuration.queryHeads {
      unsafe step.normalise(queryHead: head, into: target)
    }
  }

  /// Extends the rotary table of places to those of a lane.
  @unsafe func preparePlaces(layer: Int, head: Int) {
    unsafe sequence.withPlaces(layer: layer, head: head) { places in
      placeRotary.prepare(0..<Int(unsafe places.max() ?? 0) + 1)
    }
  }

  /// Some of a lane's keys as floats, each rotated at its place. The table is prepared.
  @unsafe func gatherPlacedKeys(
    layer: Int, head: Int, range: Range<Int>, into keys: UnsafeMutablePointer<Float>
  ) {
    unsafe sequence.withRows(layer: layer, head: head) { rows in
      unsafe Kernels.gatherKeys(rows, range: range, into: keys)
    }
    unsafe rotateKeys(keys, layer: layer, head: head, range: range)
  }

  /// Rotates some of a lane's keys at their places. The table is prepared.
  @unsafe func rotateKeys(
    _ keys: UnsafeMutablePointer<Float>, layer: Int, head: Int, range: Range<Int>
  ) {
    unsafe sequence.withPlaces(layer: layer, head: head) { places in
      unsafe placeRotary.rotate(
        keys, places: UnsafeBufferPointer(rebasing: places[range]),
        pairing: model.configuration.rope.pairing)
    }
  }

  /// Rotates the new token's queries at its place, where keys are stored un-rotated.
  @unsafe func placeQueries(_ queries: UnsafeMutablePointer<Float>, layer: Int) {
    let (group, width) = (sequence.store.shape.group, model.configuration.headDimension)
    for head in 0..<model.configuration.keyHeads {
      unsafe preparePlaces(layer: layer, head: head)
      unsafe sequence.withPlaces(layer: layer, head: head) { places in
        unsafe placeRotary.rotate(
          queries + head * group * width, heads: group,
          position: Int(places[places.count - 1]), pairing: model.configuration.rope.pairing)
      }
    }
  }

  /// Rotates a token's queries and keys. The table is prepared.
  @unsafe func rotate(_ row: TokenRow, position: Int) {
    let configuration = model.configuration
    let pairing = configuration.rope.pairing
    unsafe rotary.rotate(
      row.queries, heads: configuration.queryHeads, position: position, pairing: pairing)
    unsafe rotary.rotate(
      row.keys, heads: configuration.keyHeads, position: position, pairing: pairing)
  }
}
