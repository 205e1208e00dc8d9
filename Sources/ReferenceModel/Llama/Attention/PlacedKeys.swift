import KVPolicyKit

/// Attention under another position rule than `original`: keys are stored un-rotated, and rotated where
/// the policy has their rows now.
extension LlamaSession {
  /// Rotates the queries of a layer's newest `count` tokens, which are the last rows of every lane, at their
  /// rows' places.
  @unsafe func placeQueries(
    _ queries: UnsafeMutablePointer<Float>, count: Int, layer: Int
  ) {
    let configuration = model.configuration
    let (group, width) = (sequence.store.shape.group, configuration.headDimension)
    for head in 0..<configuration.keyHeads {
      unsafe sequence.withPlaces(layer: layer, head: head) { places in
        placeRotary.prepare(0..<Int(unsafe places.max() ?? 0) + 1)
        for query in 0..<count {
          unsafe placeRotary.rotate(
            queries + (query * configuration.queryHeads + head * group) * width, heads: group,
            position: Int(places[places.count - count + query]), pairing: configuration.rope.pairing
          )
        }
      }
    }
  }

  /// Some of a lane's keys as floats, each rotated at its place, after `placeQueries` of the layer.
  @unsafe func gatherPlacedKeys(
    layer: Int, head: Int, range: Range<Int>, into keys: UnsafeMutablePointer<Float>
  ) {
    unsafe sequence.withRows(layer: layer, head: head) { rows in
      unsafe Kernels.gatherKeys(rows, range: range, into: keys)
    }
    unsafe rotateKeys(keys, layer: layer, head: head, range: range)
  }

  /// Rotates some of a lane's keys at their places, after `placeQueries` of the layer.
  @unsafe func rotateKeys(
    _ keys: UnsafeMutablePointer<Float>, layer: Int, head: Int, range: Range<Int>
  ) {
    unsafe sequence.withPlaces(layer: layer, head: head) { places in
      unsafe placeRotary.rotate(
        keys, places: UnsafeBufferPointer(rebasing: places[range]),
        pairing: model.configuration.rope.pairing)
    }
  }
}
