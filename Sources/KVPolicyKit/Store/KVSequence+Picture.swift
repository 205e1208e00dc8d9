/// The cache as text.
extension KVSequence {
  /// The positions that each lane still holds, one line per lane:
  ///
  /// ```
  /// layer 0 head 0 |####......##.#######| 13/20
  /// ```
  ///
  /// `#` is a row, `.` a forgotten row. When the text is longer than `width`, a character stands
  /// for several positions: `#` all kept, `+` at least half, `-` some, `.` none.
  public func picture(width: Int = 64, layers: Range<Int>? = nil) -> String {
    let layers = (layers ?? 0..<shape.layers).clamped(to: 0..<shape.layers)
    return layers.flatMap { layer in
      (0..<shape.keyHeads).map { head in
        "layer \(layer) head \(head) |\(picture(layer: layer, head: head, width: width))| "
          + "\(lane(layer, head).count)/\(length.tokens)"
      }
    }.joined(separator: "\n")
  }

  /// The picture of one lane, without its frame.
  ///
  /// - Precondition: the layer and the key head exist, as for an index of an array.
  public func picture(layer: Int, head: Int, width: Int = 64) -> String {
    picture(layer: layer, head: head, width: width, read: nil)
  }

  /// The picture of one lane of which a step read a part, without its frame: `#`, `+` and `-` are
  /// rows that the step read, and `o` is a place of which rows are held and none was read.
  ///
  /// - Parameter read: the positions that the step read; nil for all that the lane holds.
  /// - Precondition: the layer and the key head exist, as for an index of an array.
  package func picture(layer: Int, head: Int, width: Int, read: Set<Int>?) -> String {
    let positions = namedLane(layer, head).positions
    // During a chunk or step the lane already holds rows that `length` does not count.
    let tokens = max(length.tokens, positions.max().map { Int($0) + 1 } ?? 0)
    let width = min(max(1, width), max(1, tokens))
    let span = max(1, (tokens + width - 1) / width)
    var kept = [Int](repeating: 0, count: (tokens + span - 1) / span)
    var shown = kept
    for position in positions {
      kept[Int(position) / span] += 1
      if read?.contains(Int(position)) ?? true { shown[Int(position) / span] += 1 }
    }
    return String(
      shown.enumerated().map { index, count in
        guard count > 0 else { return kept[index] > 0 ? "o" : "." }
        let size = min(span, tokens - index * span)
        return count == size ? "#" : count * 2 >= size ? "+" : "-"
      })
  }
}

/// What a layer's policy remembers of rows.
extension KVSequence {
  /// The first column in which a layer's policy keeps one float of each row, such as a score: its
  /// name, and the float of every row of a lane; nil if the policy has no such column.
  package func rowNumbers(layer: Int, head: Int) -> (name: String, numbers: [Float])? {
    let own = policy(ofLayer: layer).columns(for: shape)
    let lane = lane(layer, head)
    guard let index = own.firstIndex(where: { $0.element == .float && $0.width == 1 }) else {
      return nil
    }
    return (own[index].name, (0..<lane.count).map { lane.columns[index].number(0, row: $0) })
  }
}
