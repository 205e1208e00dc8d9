import KVPolicyKit

/// Logits of keys whose channels have scales that all rows of a block share.
///
/// A key's product with a query q is Σ q·(code·s + z) = Σ (q·s)·code + Σ q·z. So a query is
/// multiplied with the scales once for a block. Words of neighbouring rows lie side by side, and
/// each element of a register is the sum of one row; no register is ever summed across:
///
/// ```text
///           row 0  row 1 … row 7
///   word 0    w      w       w     × channels 0…7 of the query (of 4 bits) ┐ for three heads and
///   word 1    w      w       w     × channels 8…15                         ┘ two registers of rows
/// ```
///
/// Products of integers take both codes of a pair at once, as two integers of 16 bits. The query is
/// rounded as in `IntegerLogits`.
@unsafe struct BlockLogits {
  // A list's rows are rows of its block, which has whole registers of rows and of channels:
  // registers that contain the list's rows lie in the block. Sums have room for the rows of a list
  // and two registers.

  /// Floats from one head's sums to the next head's.
  static var stride: Int { unsafe 2 * RowList.most }

  let queries: UnsafePointer<Float>
  let queryStride: Int
  let group: Int
  let scale: Float
  let isInteger: Bool
  let room: ListRoom

  /// Computes the logits of a list's rows, and returns where they are, `stride` floats apart for
  /// each head.
  func compute(_ list: RowList) -> UnsafePointer<Float> {
    guard let layout = unsafe list.layout, let base = unsafe list.block else {
      return unsafe UnsafePointer(room.products)
    }
    let first = unsafe list.firstInBlock
    unsafe fold(layout, base)
    let start = first / vectorWidth * vectorWidth
    let last = unsafe first + list.count - 1
    let rows = start..<(last / vectorWidth + 1) * vectorWidth
    switch unsafe layout.pointee.storedBits {
    case 2: unsafe multiply(Codes2.self, layout, base, rows)
    case 4: unsafe multiply(Codes4.self, layout, base, rows)
    default: unsafe multiply(Codes8.self, layout, base, rows)
    }
    return unsafe UnsafePointer(room.products + (first - start))
  }

  // MARK: Queries

  /// Multiplies all queries with a block's scales and zeros.
  private func fold(_ layout: UnsafePointer<CodeBlock>, _ block: UnsafeRawPointer) {
    var head = 0
    while unsafe head < group {
      switch unsafe (group &- head, layout.pointee.isWide) {
      case (1, true): unsafe fold(F32Format.self, OneHead.self, head, layout, block)
      case (2, true): unsafe fold(F32Format.self, TwoHeads.self, head, layout, block)
      case (_, true): unsafe fold(F32Format.self, ThreeHeads.self, head, layout, block)
      case (1, false): unsafe fold(F16Format.self, OneHead.self, head, layout, block)
      case (2, false): unsafe fold(F16Format.self, TwoHeads.self, head, layout, block)
      case (_, false): unsafe fold(F16Format.self, ThreeHeads.self, head, layout, block)
      }
      head &+= 3
    }
  }

  /// Multiplies up to three queries with a block's scales and zeros, and rounds them for integers.
  private func fold<Format: FloatFormat, Heads: HeadCount>(
    _: Format.Type, _: Heads.Type, _ head: Int, _ layout: UnsafePointer<CodeBlock>,
    _ block: UnsafeRawPointer
  ) {
    let width = unsafe layout.pointee.width
    let zeros = unsafe block + width &* Format.elementBytes
    let (query, target) = unsafe (queries + head &* queryStride, room.scaled + head &* width)
    var (f0, f1, f2) = (FoldedQuery(), FoldedQuery(), FoldedQuery())
    var channel = 0
    while channel < width {
      let offset = channel &* Format.elementBytes
      let (s, z) = unsafe (Format.loadVector(block + offset), Format.loadVector(zeros + offset))
      let (q, t) = unsafe (query + channel, target + channel)
      unsafe f0.add(q, s, z, into: t)
      if Heads.heads > 1 { unsafe f1.add(q + queryStride, s, z, into: t + width) }
      if Heads.heads > 2 { unsafe f2.add(q + 2 &* queryStride, s, z, into: t + 2 &* width) }
      channel &+= vectorWidth
    }
    unsafe finish(f0, head, width)
    if Heads.heads > 1 { unsafe finish(f1, head &+ 1, width) }
    if Heads.heads > 2 { unsafe finish(f2, head &+ 2, width) }
  }

  /// Rounds a head's query for integers, and notes what its products are multiplied with, and what
  /// is added to them.
  @inline(__always)
  private func finish(_ query: FoldedQuery, _ head: Int, _ width: Int) {
    var unit: Float = 1
    if unsafe isInteger {
      let rounding = ShortRounding(query.top)
      unsafe rounding.round(
        room.scaled + head &* width, count: width, into: room.rounded + head &* width)
      unit = rounding.unit
    }
    unsafe room.units[head] = unsafe (scale * unit, scale * query.zeros.total)
  }

  // MARK: Products

  private func multiply<Codes: WordCodes>(
    _: Codes.Type, _ layout: UnsafePointer<CodeBlock>, _ block: UnsafeRawPointer, _ rows: Range<Int>
  ) {
    let words = unsafe block + layout.pointee.firstCode
    var head = 0
    while unsafe head < group {
      switch unsafe group &- head {
      case 1: unsafe multiply(Codes.self, OneHead.self, head, layout, words, rows)
      case 2: unsafe multiply(Codes.self, TwoHeads.self, head, layout, words, rows)
      default: unsafe multiply(Codes.self, ThreeHeads.self, head, layout, words, rows)
      }
      head &+= 3
    }
  }

  /// Multiplies two registers of rows at a time. At the end of an odd number of registers the last
  /// register takes both places.
  private func multiply<Codes: WordCodes, Heads: HeadCount>(
    _: Codes.Type, _: Heads.Type, _ head: Int, _ layout: UnsafePointer<CodeBlock>,
    _ words: UnsafeRawPointer,
    _ rows: Range<Int>
  ) {
    var row = rows.lowerBound
    while row < rows.upperBound {
      let second = min(row &+ vectorWidth, rows.upperBound &- vectorWidth)
      let pair = unsafe (words + 4 &* row, words + 4 &* second)
      let sums: (a: HeadSums, b: HeadSums)
      if unsafe isInteger {
        let (a, b) = unsafe self.sums(
          Codes.self, Heads.self, head, layout, pair, room.rounded, of: PairSums.self)
        sums = (a.floats, b.floats)
      } else {
        sums = unsafe self.sums(
          Codes.self, Heads.self, head, layout, pair, room.scaled, of: HeadSums.self)
      }
      let target = unsafe room.products + (head &* Self.stride &- rows.lowerBound)
      unsafe store(sums.a, Heads.self, head, to: target + row)
      unsafe store(sums.b, Heads.self, head, to: target + second)
      row &+= 2 &* vectorWidth
    }
  }

  /// Sums the products of two registers of rows with the queries, and prefetches in between.
  @inline(__always)
  private func sums<Codes: WordCodes, Heads: HeadCount, Sums: RowSums>(
    _: Codes.Type, _: Heads.Type, _ head: Int, _ layout: UnsafePointer<CodeBlock>,
    _ words: (UnsafeRawPointer, UnsafeRawPointer), _ queries: UnsafePointer<Sums.Element>,
    of _: Sums.Type
  ) -> (a: Sums, b: Sums) {
    var (a, b) = (Sums(), Sums())
    let (width, step) = unsafe (layout.pointee.width, 4 &* layout.pointee.rows)
    var query = unsafe queries + head &* width
    let end = unsafe query + width
    // The rows of two registers, divided among the words of a row.
    let share = max(1, 4 &* Codes.pairs &* vectorWidth / width)
    var offset = 0
    while unsafe query < end {
      let x = unsafe (words.0 + offset).loadUnaligned(as: WordVector.self)
      let y = unsafe (words.1 + offset).loadUnaligned(as: WordVector.self)
      for index in 0..<Codes.pairs {
        unsafe a.add(Codes.pair(index, of: x), query, width, Heads.self)
        unsafe b.add(Codes.pair(index, of: y), query, width, Heads.self)
        unsafe query += 2
      }
      if head == 0 { unsafe room.queue.pointee.ask(rows: share) }
      offset &+= step
    }
    return (a, b)
  }

  @inline(__always)
  private func store<Heads: HeadCount>(
    _ sums: HeadSums, _: Heads.Type, _ head: Int, to target: UnsafeMutablePointer<Float>
  ) {
    unsafe store(sums.s0, head, target)
    if Heads.heads > 1 { unsafe store(sums.s1, head &+ 1, target + Self.stride) }
    if Heads.heads > 2 { unsafe store(sums.s2, head &+ 2, target + 2 &* Self.stride) }
  }

  @inline(__always)
  private func store(
    _ sums: FloatVector, _ head: Int, _ target: UnsafeMutablePointer<Float>
  ) {
    let (unit, constant) = unsafe room.units[head]
    unsafe storeVector(
      multiplyAdd(sums, FloatVector(repeating: unit), FloatVector(repeating: constant)), target)
  }
}

/// How many query heads a tile has: a type, so that each number has machine code of its own.
protocol HeadCount {
  static var heads: Int { get }
}

enum OneHead: HeadCount { static var heads: Int { 1 } }
enum TwoHeads: HeadCount { static var heads: Int { 2 } }
enum ThreeHeads: HeadCount { static var heads: Int { 3 } }

/// What is known of a query once it is multiplied with the scales of a block.
private struct FoldedQuery {
  /// The products with zeros, to be summed.
  private(set) var zeros = FloatVector.zero
  private(set) var top = GreatestMagnitude()

  /// Multiplies a register of the query with the scales, and with the zeros.
  @unsafe @inline(__always)
  mutating func add(
    _ query: UnsafePointer<Float>, _ s: FloatVector, _ z: FloatVector,
    into target: UnsafeMutablePointer<Float>
  ) {
    let q = unsafe loadVector(query)
    let product = q * s
    unsafe storeVector(product, target)
    zeros = multiplyAdd(q, z, zeros)
    top.add(product)
  }
}

/// Sums of a register of rows with up to three queries.
private protocol RowSums {
  /// An element of a query.
  associatedtype Element
  init()
  /// Adds the codes of a pair of channels, times the pair of each query; queries are `stride`
  /// elements apart.
  @unsafe mutating func add<Heads: HeadCount>(
    _ codes: WordVector, _ query: UnsafePointer<Element>, _ stride: Int, _: Heads.Type)
}

private struct HeadSums: @unsafe RowSums {
  var s0 = FloatVector.zero
  var s1 = FloatVector.zero
  var s2 = FloatVector.zero

  @unsafe @inline(__always)
  mutating func add<Heads: HeadCount>(
    _ codes: WordVector, _ query: UnsafePointer<Float>, _ stride: Int, _: Heads.Type
  ) {
    let even = ReferenceModel.floats(signed: codes & WordVector(repeating: 0xFFFF))
    let odd = ReferenceModel.floats(signed: codes &>> 16)
    unsafe s0 = multiplied(even, odd, query, s0)
    if Heads.heads > 1 { unsafe s1 = multiplied(even, odd, query + stride, s1) }
    if Heads.heads > 2 { unsafe s2 = multiplied(even, odd, query + 2 &* stride, s2) }
  }

  @unsafe @inline(__always)
  private func multiplied(
    _ even: FloatVector, _ odd: FloatVector, _ query: UnsafePointer<Float>, _ sum: FloatVector
  ) -> FloatVector {
    let first = unsafe multiplyAdd(even, FloatVector(repeating: query[0]), sum)
    return unsafe multiplyAdd(odd, FloatVector(repeating: query[1]), first)
  }
}

/// The same sums of integers.
private struct PairSums: @unsafe RowSums {
  private var s0 = IntVector.zero
  private var s1 = IntVector.zero
  private var s2 = IntVector.zero

  var floats: HeadSums {
    HeadSums(
      s0: ReferenceModel.floats(s0), s1: ReferenceModel.floats(s1), s2: ReferenceModel.floats(s2))
  }

  @unsafe @inline(__always)
  mutating func add<Heads: HeadCount>(
    _ codes: WordVector, _ query: UnsafePointer<Int16>, _ stride: Int, _: Heads.Type
  ) {
    unsafe addPair(codes, query, to: &s0)
    if Heads.heads > 1 { unsafe addPair(codes, query + stride, to: &s1) }
    if Heads.heads > 2 { unsafe addPair(codes, query + 2 &* stride, to: &s2) }
  }

  @unsafe @inline(__always)
  private func addPair(
    _ codes: WordVector, _ query: UnsafePointer<Int16>, to sums: inout IntVector
  ) {
    let pair = unsafe UnsafeRawPointer(query).loadUnaligned(as: UInt32.self)
    addPairProducts(codes, WordVector(repeating: pair), to: &sums)
  }
}
