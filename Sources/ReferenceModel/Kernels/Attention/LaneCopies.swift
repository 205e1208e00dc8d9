import KVPolicyKit

extension Kernels {
  /// Gathers keys of a lane as floats, in row order: `range.count × headDimension` at `out`.
  @unsafe package static func gatherKeys(
    _ rows: LaneRows, range: Range<Int>, into out: UnsafeMutablePointer<Float>
  ) {
    precondition(unsafe range.upperBound <= rows.count, "only live rows have keys")
    let depth = unsafe rows.headDimension
    for row in range {
      let target = unsafe out + (row &- range.lowerBound) &* depth
      if let side = unsafe rows.codes?.keys, unsafe side.decode(row, to: target) {
        continue
      }
      unsafe load(rows.key(row), format: rows.format, count: depth, into: target)
    }
  }

  /// Gathers values of a lane as floats, in row order: `range.count × headDimension` at `out`.
  @unsafe package static func gatherValues(
    _ rows: LaneRows, range: Range<Int>, into out: UnsafeMutablePointer<Float>
  ) {
    precondition(unsafe range.upperBound <= rows.count, "only live rows have values")
    let depth = unsafe rows.headDimension
    for row in range {
      let target = unsafe out + (row &- range.lowerBound) &* depth
      if let side = unsafe rows.codes?.values, unsafe side.decode(row, to: target) {
        continue
      }
      unsafe load(rows.value(row), format: rows.format, count: depth, into: target)
    }
  }

  /// Converts `count` stored elements to floats.
  @unsafe package static func load(
    _ p: UnsafeRawPointer, format: RowFormat, count: Int, into x: UnsafeMutablePointer<Float>
  ) {
    switch format {
    case .f32: unsafe UnsafeMutableRawPointer(x).copyMemory(from: p, byteCount: 4 &* count)
    case .f16: unsafe unpackFloats(F16Format.self, p, count, into: x)
    case .q8_0: unsafe Q8Rows.unpack(p, count: count, into: x)
    }
  }
}
