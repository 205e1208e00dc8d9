import KVPolicyKit

/// Which channels of a lane's keys matter to the last queries of the prompt.
struct ChannelChoice: Sendable {
  /// Whose queries choose.
  private enum Sharing: String, CaseIterable {
    /// Each query head's own: only where every query head has a key head of its own.
    case perQueryHead
    /// The mean of the squares of a group's queries.
    case mean
  }

  private let ratio: Double
  private let window: Int
  /// By lane: of each of the last queries, the squares of the elements, in the mean of the group.
  /// Oldest first.
  private var squares: [LaneID: [[Float]]] = [:]

  /// Reads the settings.
  init(_ settings: inout Settings) throws(PolicyError) {
    ratio = try settings.number(
      "keyChannelRatio", default: 0.4, in: 0...0.99, "share of a key's channels that is dropped")
    window = try settings.integer(
      "window", default: 32, atLeast: 1, "last queries of the prompt that choose the channels")
    let sharing = try settings.choice(
      "gqa", default: Sharing.mean, "how the queries of a group choose")
    if sharing == .perQueryHead { try settings.refuseGroups("their channels") }
  }

  /// The queries as they are read. Of steps they are not needed.
  static let signals: Set<Signal> = [.queries(.atPosition)]

  /// Bytes of the squares.
  var stateBytes: Int {
    squares.values.reduce(0) { $0 + $1.reduce(0) { $0 + 4 * $1.count } }
  }

  /// Notes the queries of a chunk.
  mutating func note(_ layer: borrowing LayerView) {
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      guard !lane.hasKeyMap else { continue }
      var kept = squares[lane.id] ?? []
      for token in max(0, lane.queryCount - window)..<lane.queryCount {
        var mean = [Float](repeating: 0, count: layer.shape.headDimension)
        for query in 0..<lane.group {
          let elements = lane.query(token, head: query, .atPosition)
          for channel in mean.indices {
            mean[channel] += elements[channel] * elements[channel] / Float(lane.group)
          }
        }
        kept.append(mean)
      }
      squares[lane.id] = Array(kept.suffix(window))
    }
  }

  /// The channels of a lane that stay, and forgets the lane's queries. `rows` are the rows whose
  /// keys count. Without a prompt all channels stay.
  mutating func choose(_ lane: borrowing LaneView, rows: [Int]) -> KeyMap {
    guard let queries = squares.removeValue(forKey: lane.id) else {
      return KeyMap(channels: Array(0..<lane.headDimension))
    }
    var keys: [[Float]] = []
    lane.forEachKey(of: rows) { _, key in
      keys.append(key.indices.map { key[$0] * key[$0] })
    }
    return KeyMap(channels: Self.channels(queries, keys, ratio: ratio))
  }

  /// The channels that stay, ascending: all but the ⌊`ratio` · channels⌋ with the smallest products
  /// of the mean squares of queries and keys. Of equal products the earlier channel stays.
  static func channels(_ queries: [[Float]], _ keys: [[Float]], ratio: Double) -> [Int] {
    let (query, key) = (mean(queries), mean(keys))
    let scores = zip(query, key).map { $0 * $1 }
    let dropped = Int(ratio * Double(scores.count))
    let order = scores.indices.sorted {
      scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1
    }
    return order.dropLast(dropped).sorted()
  }

  private static func mean(_ rows: [[Float]]) -> [Float] {
    guard let width = rows.first?.count else { return [] }
    return (0..<width).map { channel in
      rows.reduce(0) { $0 + $1[channel] } / Float(rows.count)
    }
  }
}
