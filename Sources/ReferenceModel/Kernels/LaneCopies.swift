import KVPolicyKit

extension Kernels {
  /// Some keys of a lane as floats, in row order: `range.count × headDimension` at `out`.
  @unsafe package static func gatherKeys(
    _ rows: LaneRows, range: Range<Int>, into out: UnsafeMutablePointer<Float>
  ) {
    precondition(unsafe range.upperBound <= rows.count, "only live rows have keys")
    let depth = unsafe rows.headDimension
    for row in range {
      let target = unsafe out + (row &- range.lowerBound) &* depth
      unsafe load(rows.key(row), format: rows.format, count: depth, into: target)
    }
  }

  /// Some values of a lane, likewise.
  @unsafe package static func gatherValues(
    _ rows: LaneRows, range: Range<Int>, into out: UnsafeMutablePointer<Float>
  ) {
    precondition(unsafe range.upperBound <= rows.count, "only live rows have values")
    let depth = unsafe rows.headDimension
    for row in range {
      let target = unsafe out + (row &- range.lowerBound) &* depth
      unsafe load(rows.value(row), format: rows.format, count: depth, into: target)
    }
  }

  /// `count` stored elements as floats.
  @unsafe package static func load(
    _ p: UnsafeRawPointer, format: RowFormat, count: Int, into x: UnsafeMutablePointer<Float>
  ) {
    switch format {
    case .f32: unsafe UnsafeMutableRawPointer(x).copyMemory(from: p, byteCount: 4 &* count)
    case .f16: unsafe unpackFloats(F16Format.self, p, count, into: x)
    }
  }

  /// Stores `count` floats in a lane's format: rounded to nearest for f16, where what is beyond
  /// 65504 becomes infinite.
  @unsafe package static func store(
    _ x: UnsafePointer<Float>, count: Int, format: RowFormat, to p: UnsafeMutableRawPointer
  ) {
    switch format {
    case .f32: unsafe p.copyMemory(from: x, byteCount: 4 &* count)
    case .f16:
      var i = 0
      while i &+ 8 <= count {
        unsafe (p + 2 &* i).storeBytes(of: halves(load8(x + i)), as: SIMD8<Float16>.self)
        i &+= 8
      }
      while i < count {
        unsafe (p + 2 &* i).storeBytes(of: Float16(x[i]), as: Float16.self)
        i &+= 1
      }
    }
  }
}
