import KVPolicyKit

extension Kernels {
  /// The weighted sums of a lane's values: `out[g × headDimension] = Σ_r weights[g·stride + r] ·
  /// v_r` over `range`, for each of the `group` query heads. With `adding`, the sums are added to
  /// `out`. With `inIntegers`, products with values that are integers are sums of integers: see
  /// `IntegerValues`. `memory` is as that of `logits`.
  @unsafe package static func mixValues(
    weights: UnsafePointer<Float>, stride: Int, group: Int, rows: LaneRows, range: Range<Int>,
    adding: Bool = false, inIntegers: Bool = false,
    memory: UnsafeMutableBufferPointer<Float>? = nil,
    into out: UnsafeMutablePointer<Float>
  ) {
    precondition(unsafe range.upperBound <= rows.count, "only live rows have values")
    if !adding { unsafe out.update(repeating: 0, count: group * rows.headDimension) }
    guard unsafe rows.codes?.values == nil else {
      return unsafe mixLists(
        weights: weights, stride: stride, group: group, rows: rows, range: range,
        inIntegers: inIntegers, memory: memory, into: out)
    }
    switch unsafe rows.format {
    case .f32: unsafe mixLane(F32Format.self, weights, stride, group, rows, range, out)
    case .f16: unsafe mixLane(F16Format.self, weights, stride, group, rows, range, out)
    case .q8_0:
      unsafe mixLists(
        weights: weights, stride: stride, group: group, rows: rows, range: range,
        inIntegers: inIntegers, memory: memory, into: out)
    }
  }

  @unsafe private static func mixLane<Format: LaneFormat>(
    _: Format.Type, _ weights: UnsafePointer<Float>, _ stride: Int, _ group: Int,
    _ rows: LaneRows, _ range: Range<Int>, _ out: UnsafeMutablePointer<Float>
  ) {
    let depth = unsafe rows.headDimension
    unsafe mixRows(
      Format.self, weights, stride, group, rows, range, depth: depth, out, outStride: depth)
  }

  /// Adds the weighted sums of rows wherever they are: `depth` numbers for each head, of heads that
  /// are `outStride` floats apart.
  ///
  /// Works in tiles of up to three heads by three registers, then by two or one, then in single
  /// elements.
  /// Each tile stays in registers while all rows pass, and a row's elements are converted once for
  /// three heads.
  ///
  /// A fourth register of elements would need all sixteen registers of AVX2. The compiler would
  /// then keep a sum in memory, and every row would wait for the sum to come back.
  @unsafe @inline(never)
  static func mixRows<Format: LaneFormat, Rows: RowAddresses>(
    _: Format.Type, _ weights: UnsafePointer<Float>, _ stride: Int, _ group: Int, _ rows: Rows,
    _ range: Range<Int>, depth: Int, _ out: UnsafeMutablePointer<Float>, outStride: Int
  ) {
    var head = 0
    while head < group {
      let w = unsafe weights + head &* stride
      let target = unsafe out + head &* outStride
      if group &- head >= 3 {
        unsafe mixHeads(
          Format.self, heads: 3, w, stride, rows, range, depth: depth, target, outStride)
      } else if group &- head == 2 {
        unsafe mixHeads(
          Format.self, heads: 2, w, stride, rows, range, depth: depth, target, outStride)
      } else {
        unsafe mixHeads(
          Format.self, heads: 1, w, stride, rows, range, depth: depth, target, outStride)
      }
      head &+= 3
    }
  }

  /// Mixes the values for `heads` heads of `out`. `heads` is a literal at each use.
  @unsafe @inline(__always)
  private static func mixHeads<Format: LaneFormat, Rows: RowAddresses>(
    _: Format.Type, heads: Int, _ weights: UnsafePointer<Float>, _ stride: Int, _ rows: Rows,
    _ range: Range<Int>, depth: Int, _ out: UnsafeMutablePointer<Float>, _ outStride: Int
  ) {
    var element = 0
    // Four registers are two tiles of two: a tile of one register would convert too little for its
    // loads of weights.
    while element &+ 3 &* vectorWidth <= depth && depth &- element != 4 &* vectorWidth {
      unsafe mixTile(
        Format.self, heads: heads, vectors: 3, weights, stride, rows, range, element, out + element,
        outStride)
      element &+= 3 &* vectorWidth
    }
    while element &+ 2 &* vectorWidth <= depth {
      unsafe mixTile(
        Format.self, heads: heads, vectors: 2, weights, stride, rows, range, element, out + element,
        outStride)
      element &+= 2 &* vectorWidth
    }
    if element &+ vectorWidth <= depth {
      unsafe mixTile(
        Format.self, heads: heads, vectors: 1, weights, stride, rows, range, element, out + element,
        outStride)
      element &+= vectorWidth
    }
    while element < depth {
      for head in 0..<heads {
        var sum = unsafe out[head &* outStride &+ element]
        for row in range {
          let value = unsafe Format.load(rows.value(row), at: element)
          sum = unsafe multiplyAdd(weights[head &* stride &+ row], value, sum)
        }
        unsafe out[head &* outStride &+ element] = sum
      }
      element &+= 1
    }
  }

  /// Mixes `vectors` (1 to 3) vectors of elements from `element` on, for `heads` heads.
  /// `vectors` and `heads` are literals at each use.
  @unsafe @inline(__always)
  private static func mixTile<Format: LaneFormat, Rows: RowAddresses>(
    _: Format.Type, heads: Int, vectors: Int, _ weights: UnsafePointer<Float>, _ stride: Int,
    _ rows: Rows, _ range: Range<Int>, _ element: Int, _ out: UnsafeMutablePointer<Float>,
    _ outStride: Int
  ) {
    var m0 = unsafe MixedVectors(out, vectors: vectors)
    var m1 = unsafe MixedVectors(heads > 1 ? out + outStride : out, vectors: vectors)
    var m2 = unsafe MixedVectors(heads > 2 ? out + 2 &* outStride : out, vectors: vectors)
    var row = range.lowerBound
    while row < range.upperBound {
      let value = unsafe rows.value(row)
      let w = unsafe weights + row
      let v0 = unsafe Format.loadVector(value, at: element)
      let v1 = unsafe vectors > 1 ? Format.loadVector(value, at: element &+ vectorWidth) : v0
      let v2 = unsafe vectors > 2 ? Format.loadVector(value, at: element &+ 2 &* vectorWidth) : v0
      unsafe m0.add(w[0], v0, v1, v2, vectors: vectors)
      if heads > 1 { unsafe m1.add(w[stride], v0, v1, v2, vectors: vectors) }
      if heads > 2 { unsafe m2.add(w[2 &* stride], v0, v1, v2, vectors: vectors) }
      row &+= 1
    }
    unsafe m0.store(to: out, vectors: vectors)
    if heads > 1 { unsafe m1.store(to: out + outStride, vectors: vectors) }
    if heads > 2 { unsafe m2.store(to: out + 2 &* outStride, vectors: vectors) }
  }
}

/// Up to three registers of one head's attention output.
private struct MixedVectors {
  private var m0: FloatVector
  private var m1 = FloatVector.zero
  private var m2 = FloatVector.zero

  @unsafe @inline(__always)
  init(_ out: UnsafePointer<Float>, vectors: Int) {
    m0 = unsafe loadVector(out)
    if vectors > 1 { m1 = unsafe loadVector(out + vectorWidth) }
    if vectors > 2 { m2 = unsafe loadVector(out + 2 &* vectorWidth) }
  }

  @inline(__always)
  mutating func add(
    _ weight: Float, _ v0: FloatVector, _ v1: FloatVector, _ v2: FloatVector, vectors: Int
  ) {
    let w = FloatVector(repeating: weight)
    m0 = multiplyAdd(w, v0, m0)
    if vectors > 1 { m1 = multiplyAdd(w, v1, m1) }
    if vectors > 2 { m2 = multiplyAdd(w, v2, m2) }
  }

  @unsafe @inline(__always)
  func store(to out: UnsafeMutablePointer<Float>, vectors: Int) {
    unsafe storeVector(m0, out)
    if vectors > 1 { unsafe storeVector(m1, out + vectorWidth) }
    if vectors > 2 { unsafe storeVector(m2, out + 2 &* vectorWidth) }
  }
}
