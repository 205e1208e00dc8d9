import KVPolicyKit

/// Codes by their formula, in plain arithmetic: the oracle of `CodeBlock`.
extension Plain {
  /// The scale, the zero and the codes of one group of elements.
  static func codes(
    of group: [Float], bits: Int
  ) -> (scale: Float, zero: Float, codes: [Int]) {
    let (least, greatest) = (group.min() ?? 0, group.max() ?? 0)
    let top = Float((1 << bits) - 1)
    let scale = (greatest - least) / top
    let codes = group.map { element in
      scale == 0
        ? 0 : Int(min(top, max(0, ((element - least) / scale).rounded(.toNearestOrEven))))
    }
    return (scale, least, codes)
  }

  /// Rows after being stored in a format with 32-bit scales and read back. With groups of channels'
  /// elements the number of rows is a multiple of the group.
  static func coded(_ rows: [[Float]], _ format: CodeFormat) -> [[Float]] {
    if format == .floats { return rows }
    func decoded(_ group: [Float]) -> [Float] {
      let (scale, zero, codes) = codes(of: group, bits: format.bits)
      return codes.map { Float($0) * scale + zero }
    }
    switch format.grouping {
    case .ofRow:
      return rows.map { row in
        stride(from: 0, to: row.count, by: format.group).flatMap {
          decoded(Array(row[$0..<$0 + format.group]))
        }
      }
    case .ofChannel:
      var result = rows
      for first in stride(from: 0, to: rows.count, by: format.group) {
        let block = first..<first + format.group
        for channel in rows[first].indices {
          for (row, value) in zip(block, decoded(block.map { rows[$0][channel] })) {
            result[row][channel] = value
          }
        }
      }
      return result
    }
  }

  /// Rows of which a map's channels, times their factors, are stored in a format and read back.
  static func coded(_ rows: [[Float]], _ format: CodeFormat, _ map: KeyMap?) -> [[Float]] {
    guard let map else { return coded(rows, format) }
    func factor(_ index: Int) -> Float { map.factors?[index] ?? 1 }
    let stored = rows.map { row in
      map.channels.enumerated().map { row[$0.element] * factor($0.offset) }
    }
    return zip(rows, coded(stored, format)).map { row, stored in
      var result = [Float](repeating: 0, count: row.count)
      for (index, channel) in map.channels.enumerated() {
        result[channel] = stored[index] / factor(index)
      }
      return result
    }
  }
}
