import KVPolicyKit

/// Rows of a lane that a kernel reads at once, wherever they are in memory, all in one encoding.
/// Rows that share scales are consecutive rows of one block.
@unsafe struct RowList: @unsafe RowAddresses {
  // Lists have at most `most` rows, and every array has room for them. Groups are below the
  // encoding's number of groups.

  /// The most rows of a list; a multiple of `vectorWidth`.
  static let most = 128

  let encoding: RowEncoding
  /// How the rows' blocks are laid out; nil for rows that are no codes.
  let layout: UnsafePointer<CodeBlock>?
  /// The block of rows that share scales, and the index of the first row in it.
  private(set) var (block, firstInBlock): (UnsafeRawPointer?, Int)
  private(set) var count = 0
  /// Bytes from a row's first byte to the first number that kernels read.
  private var offset = 0
  private let room: ListRoom

  init(_ encoding: RowEncoding, _ layout: UnsafePointer<CodeBlock>?, _ room: ListRoom) {
    unsafe (self.encoding, self.layout) = unsafe (encoding, layout)
    unsafe self.room = unsafe room
    unsafe (block, firstInBlock) = (nil, 0)
  }

  /// The lane's numbers of the rows.
  var rows: UnsafePointer<Int32> { unsafe UnsafePointer(room.rows) }
  /// Whether the rows are consecutive rows of the lane.
  private(set) var isConsecutive = true

  /// Adds `more` consecutive rows of the lane: the first byte of their numbers, and the bytes from
  /// one row to the next.
  @inline(__always)
  mutating func append(
    _ row: Int, count more: Int = 1, _ address: UnsafeRawPointer, stride: Int = 0
  ) {
    if unsafe count > 0 && Int(room.rows[count &- 1]) != row &- 1 { unsafe isConsecutive = false }
    let (addresses, rows) = unsafe (room.addresses + count, room.rows + count)
    for index in 0..<more {
      unsafe addresses[index] = unsafe address + index &* stride
      unsafe rows[index] = Int32(truncatingIfNeeded: row &+ index)
    }
    unsafe count &+= more
  }

  /// Takes the rows of a run in place of all others.
  mutating func take(_ run: CodedRun) {
    unsafe (count, isConsecutive) = (run.rows.count, true)
    unsafe room.rows[0] = Int32(truncatingIfNeeded: run.rows.lowerBound)
    unsafe (block, firstInBlock) = unsafe (run.base, run.index)
  }

  /// The scales of a group, row by row, and `most` floats behind them the zeros. Numbers behind the
  /// last row, up to a whole vector, are 0.
  func scales(_ group: Int) -> UnsafeMutablePointer<Float> {
    unsafe room.scales + group &* 2 &* Self.most
  }

  /// Reads the scales of rows in a store's format, which stand before the numbers of each group.
  ///
  /// They are copied first, and then converted eight or sixteen at a time: the conversion of a
  /// single scale waits for the conversion before, because loading a scale keeps the rest of a
  /// register.
  func readScales() {
    let (halves, before) = unsafe (room.rounded, encoding.firstNumber)
    for group in unsafe 0..<encoding.groups {
      let rows = unsafe self.group(group)
      var row = 0
      while unsafe row < count {
        unsafe halves[row] = (rows.key(row) - before).loadUnaligned(as: Int16.self)
        row &+= 1
      }
      unsafe Kernels.load(halves, format: .f16, count: count, into: scales(group))
    }
    unsafe padScales()
  }

  /// Sets scales and zeros behind the last row to 0, up to a whole vector.
  func padScales() {
    let end = unsafe (count &+ vectorWidth &- 1) / vectorWidth &* vectorWidth
    for group in unsafe 0..<encoding.groups {
      let scales = unsafe scales(group)
      for row in unsafe count..<end { unsafe (scales[row], scales[Self.most &+ row]) = (0, 0) }
    }
  }

  /// The same rows without the numbers before a group.
  func group(_ group: Int) -> RowList {
    var list = unsafe self
    unsafe list.offset = group &* encoding.groupBytes
    return unsafe list
  }

  @inline(__always)
  func key(_ row: Int) -> UnsafeRawPointer { unsafe room.addresses[row] + offset }
  @inline(__always)
  func value(_ row: Int) -> UnsafeRawPointer { unsafe key(row) }
  /// Prefetches a part of what is read next, in proportion to the rows.
  @inline(__always)
  func prefetch(beside first: Int, count more: Int) {
    unsafe room.queue.pointee.ask(rows: more)
  }
}

/// Memory for one list at a time, and for what kernels compute from it.
@unsafe struct ListRoom {
  let addresses: UnsafeMutablePointer<UnsafeRawPointer>
  let rows: UnsafeMutablePointer<Int32>
  /// Scales and zeros of every group.
  let scales: UnsafeMutablePointer<Float>
  /// `heads × most` floats.
  let products: UnsafeMutablePointer<Float>
  /// `heads × most` floats.
  let sums: UnsafeMutablePointer<Float>
  /// `heads × width` floats: queries as keys with a map are stored.
  let mapped: UnsafeMutablePointer<Float>
  /// `heads × width` floats: queries times the scales of a block.
  let scaled: UnsafeMutablePointer<Float>
  /// Every head's query, or its weights of `most` rows, rounded.
  let rounded: UnsafeMutablePointer<Int16>
  /// For each group four floats: sums of three queries.
  let groupSums: UnsafeMutablePointer<Float>
  /// For each head its query's unit, and what is added to all its products.
  let units: UnsafeMutablePointer<(unit: Float, constant: Float)>
  let queue: UnsafeMutablePointer<PrefetchQueue>

  /// Lends memory for rows of `width` numbers, in any of their groups, and for some query heads:
  /// `memory` if it is enough, or memory that is allocated.
  @unsafe static func lend(
    heads: Int, width: Int, groups: Int, _ memory: UnsafeMutableBufferPointer<Float>?,
    _ body: (ListRoom) -> Void
  ) {
    let total = unsafe floats(heads: heads, width: width, groups: groups)
    if let memory = unsafe memory, memory.count >= total, let base = memory.baseAddress {
      return unsafe lend(base, heads: heads, width: width, groups: groups, body)
    }
    unsafe withUnsafeTemporaryAllocation(byteCount: 4 * total, alignment: 64) { memory in
      guard let base = memory.baseAddress else { return }
      unsafe lend(
        base.assumingMemoryBound(to: Float.self), heads: heads, width: width, groups: groups, body)
    }
  }

  /// The floats of memory that are lent.
  static func floats(heads: Int, width: Int, groups: Int) -> Int {
    let most = unsafe RowList.most
    // An address takes the room of two floats, a piece to prefetch the room of four floats, and a
    // rounded number half the room of a float.
    let perHead = 2 * most + 2 * width + (max(width, most) + 1) / 2 + 2
    let floats = 3 * most + 2 * most * groups + 4 * groups + heads * perHead
    return unsafe floats + 4 * PrefetchQueue.most
  }

  private static func lend(
    _ base: UnsafeMutablePointer<Float>, heads: Int, width: Int, groups: Int,
    _ body: (ListRoom) -> Void
  ) {
    let pieces = unsafe UnsafeMutableRawPointer(base).assumingMemoryBound(
      to: PrefetchQueue.Piece.self)
    var queue = unsafe PrefetchQueue(pieces)
    unsafe withUnsafeMutablePointer(to: &queue) { queue in
      let rest = unsafe base + 4 * PrefetchQueue.most
      unsafe body(ListRoom(rest, heads: heads, width: width, groups: groups, queue))
    }
  }

  /// Divides memory for the parts.
  private init(
    _ base: UnsafeMutablePointer<Float>, heads: Int, width: Int, groups: Int,
    _ queue: UnsafeMutablePointer<PrefetchQueue>
  ) {
    let most = unsafe RowList.most
    let memory = UnsafeMutableRawPointer(base)
    unsafe self.queue = unsafe queue
    unsafe addresses = memory.assumingMemoryBound(to: UnsafeRawPointer.self)
    unsafe rows = (memory + 8 * most).assumingMemoryBound(to: Int32.self)
    unsafe scales = base + 3 * most
    unsafe products = scales + 2 * most * groups
    unsafe sums = products + heads * most
    unsafe mapped = sums + heads * most
    unsafe scaled = mapped + heads * width
    unsafe groupSums = scaled + heads * width
    let pairs = unsafe groupSums + 4 * groups
    unsafe units = UnsafeMutableRawPointer(pairs).assumingMemoryBound(
      to: (unit: Float, constant: Float).self)
    unsafe rounded = UnsafeMutableRawPointer(units + heads).assumingMemoryBound(to: Int16.self)
  }
}
