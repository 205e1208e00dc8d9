import KVPolicyKit

extension Kernels {
  /// Lends some rows of a lane as lists: first rows in the store's format, then the rows of each
  /// tier, of up to 128 rows of the range at a time. Every row is in one list.
  @unsafe static func forEachList(
    of rows: LaneRows, _ range: Range<Int>, value: Bool, _ room: ListRoom,
    _ body: (RowList) -> Void
  ) {
    var first = range.lowerBound
    while first < range.upperBound {
      let part = unsafe first..<min(first + RowList.most, range.upperBound)
      first = part.upperBound
      unsafe lendWhole(rows, part, value: value, room, body)
      guard let codes = unsafe rows.codes else { continue }
      let side = unsafe value ? codes.values : codes.keys
      for tier in unsafe side.layouts.indices {
        let layout = unsafe side.layouts[tier]
        if let encoding = unsafe RowEncoding(layout, isMapped: side.map != nil) {
          unsafe lend(side, tier: tier, layout, RowList(encoding, room), part, body)
        } else {
          unsafe lendDecoded(side, tier: tier, rows.headDimension, part, room, body)
        }
      }
    }
  }

  /// Numbers of a row and groups of a row: the most of all encodings of a lane.
  @unsafe static func greatest(_ rows: LaneRows, value: Bool) -> (width: Int, groups: Int) {
    let depth = unsafe rows.headDimension
    var groups = unsafe RowEncoding(rows.format, width: depth).groups
    guard let codes = unsafe rows.codes else { return (depth, groups) }
    let layouts = unsafe value ? codes.values.layouts : codes.keys.layouts
    for tier in layouts.indices {
      guard let encoding = RowEncoding(unsafe layouts[tier], isMapped: false) else { continue }
      groups = max(groups, encoding.groups)
    }
    return (depth, groups)
  }

  /// Lends the rows in the store's format.
  @unsafe private static func lendWhole(
    _ rows: LaneRows, _ part: Range<Int>, value: Bool, _ room: ListRoom, _ body: (RowList) -> Void
  ) {
    var list = unsafe RowList(RowEncoding(rows.format, width: rows.headDimension), room)
    let places = unsafe rows.codes.map { unsafe value ? $0.values.places : $0.keys.places }
    for row in part {
      if let places = unsafe places, unsafe places[row] >= 0 { continue }
      let address = unsafe value ? rows.value(row) : rows.key(row)
      unsafe list.append(row, address + list.encoding.firstNumber, bytes: rows.rowBytes)
    }
    guard unsafe list.count > 0 else { return }
    if unsafe list.encoding.scaling == .ofRow { unsafe readScales(of: list) }
    unsafe body(list)
  }

  /// Lends the rows of a tier: all at once, or block by block where rows of a block share scales.
  @unsafe private static func lend(
    _ side: CodedRows, tier: Int, _ layout: CodeBlock, _ empty: RowList, _ part: Range<Int>,
    _ body: (RowList) -> Void
  ) {
    var list = unsafe empty
    let isOfBlock = unsafe list.encoding.scaling == .ofBlock
    let isOfRow = unsafe list.encoding.scaling == .ofRowWithZero
    var current = -1
    var (isOfTier, base) = unsafe (false, UnsafeRawPointer(side.places))
    for row in part {
      let place = unsafe Int(side.places[row])
      guard place >= 0 else { continue }
      let block = place / CodedSide.placesPerBlock
      if block != current {
        if isOfBlock, unsafe list.count > 0 {
          unsafe body(list)
          unsafe list.removeAll()
        }
        current = block
        let found = unsafe side.block(block)
        isOfTier = unsafe found.tier == tier
        unsafe base = unsafe found.address
        unsafe list.block = unsafe base
      }
      guard isOfTier else { continue }
      let line = place % CodedSide.placesPerBlock &* layout.rowBytes
      if isOfRow { unsafe readScales(base + line, layout, list) }
      unsafe list.append(row, base + line + layout.firstCode, bytes: layout.rowBytes)
    }
    guard unsafe list.count > 0 else { return }
    if isOfRow { unsafe padScales(of: list) }
    unsafe body(list)
  }

  /// Reads scales and zeros of the row that a list gets next.
  @unsafe @inline(__always)
  private static func readScales(_ line: UnsafeRawPointer, _ layout: CodeBlock, _ list: RowList) {
    let count = layout.scales
    if count == 2 && !layout.isWide {
      // Most rows: two groups of 32 channels.
      let halves = unsafe line.loadUnaligned(as: SIMD4<Float16>.self)
      let four = SIMD4(Float(halves.x), Float(halves.y), Float(halves.z), Float(halves.w))
      let target = unsafe list.scales(0) + list.count
      unsafe target[0] = four.x
      unsafe target[2 &* RowList.most] = four.y
      unsafe target[RowList.most] = four.z
      unsafe target[3 &* RowList.most] = four.w
      return
    }
    for group in 0..<count {
      let target = unsafe list.scales(group) + list.count
      if layout.isWide {
        unsafe target[0] = (line + 4 &* group).loadUnaligned(as: Float.self)
        unsafe target[RowList.most] = (line + 4 &* (count &+ group)).loadUnaligned(as: Float.self)
      } else {
        unsafe target[0] = Float((line + 2 &* group).loadUnaligned(as: Float16.self))
        unsafe target[RowList.most] = Float(
          (line + 2 &* (count &+ group)).loadUnaligned(as: Float16.self))
      }
    }
  }

  /// Reads the scales of rows in q8_0, which stand before the bytes of each group.
  @unsafe private static func readScales(of list: RowList) {
    let before = unsafe list.encoding.firstNumber
    for group in unsafe 0..<list.encoding.groups {
      let (rows, scales) = unsafe (list.group(group), list.scales(group))
      for row in unsafe 0..<list.count {
        unsafe scales[row] = Float((rows.key(row) - before).loadUnaligned(as: Float16.self))
      }
    }
    unsafe padScales(of: list)
  }

  /// Sets scales and zeros behind the last row to 0, up to a whole vector.
  @unsafe private static func padScales(of list: RowList) {
    let count = unsafe list.count
    let end = (count + vectorWidth - 1) / vectorWidth * vectorWidth
    for group in unsafe 0..<list.encoding.groups {
      let scales = unsafe list.scales(group)
      for row in count..<end { unsafe (scales[row], scales[RowList.most + row]) = (0, 0) }
    }
  }

  /// Lends rows of a tier whose codes kernels cannot read, as floats.
  @unsafe private static func lendDecoded(
    _ side: CodedRows, tier: Int, _ width: Int, _ part: Range<Int>, _ room: ListRoom,
    _ body: (RowList) -> Void
  ) {
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: part.count * width) { floats in
      guard let base = floats.baseAddress else { return }
      var list = unsafe RowList(RowEncoding(.f32, width: width), room)
      for row in part {
        let place = unsafe Int(side.places[row])
        guard place >= 0, unsafe side.block(place / CodedSide.placesPerBlock).tier == tier
        else { continue }
        let target = unsafe base + list.count * width
        if unsafe side.decode(row, to: target) { unsafe list.append(row, target, bytes: 0) }
      }
      if unsafe list.count > 0 { unsafe body(list) }
    }
  }
}
