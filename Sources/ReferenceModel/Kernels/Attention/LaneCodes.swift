import KVPolicyKit

extension Kernels {
  /// Decodes the keys, or the values, of a lane with codes, and lends them as the rows of a lane of
  /// floats: 32 rows at a time, with the range of the lane's rows that they are.
  @unsafe static func withFloats(
    of rows: LaneRows, _ range: Range<Int>, value: Bool, _ body: (LaneRows, Range<Int>) -> Void
  ) {
    let most = 32
    let half = unsafe most * rows.headDimension
    // A page holds keys, then values; the decoded rows are one of the halves.
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * half) { room in
      guard let floats = room.baseAddress else { return }
      let target = unsafe value ? floats + half : floats
      unsafe withUnsafePointer(to: Optional(UnsafeMutableRawPointer(floats))) { page in
        var first = range.lowerBound
        while first < range.upperBound {
          let part = first..<min(first + most, range.upperBound)
          if value {
            unsafe gatherValues(rows, range: part, into: target)
          } else {
            unsafe gatherKeys(rows, range: part, into: target)
          }
          unsafe body(
            LaneRows(
              count: part.count, slots: rows.slots, pages: page, pageRows: most,
              headDimension: rows.headDimension, format: .f32, rowBytes: 4 * rows.headDimension,
              isDense: true), part)
          first = part.upperBound
        }
      }
    }
  }
}
