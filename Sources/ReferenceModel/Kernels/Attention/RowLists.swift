import KVPolicyKit

extension Kernels {
  /// Lends some rows of a lane as lists: first rows in the store's format, then the rows of each
  /// tier, of up to 128 rows of the range at a time. Every row is in one list.
  @unsafe static func forEachList(
    of rows: LaneRows, _ range: Range<Int>, value: Bool, _ room: ListRoom,
    _ body: (RowList) -> Void
  ) {
    let side = unsafe rows.codes.map { unsafe value ? $0.values : $0.keys }
    let places = unsafe side?.places
    var first = range.lowerBound
    while first < range.upperBound {
      let part = unsafe first..<min(first + RowList.most, range.upperBound)
      first = part.upperBound
      unsafe lendWhole(rows, part, places, value: value, room, body)
      guard let side = unsafe side else { continue }
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

  /// Prefetches blocks of codes of a range's rows: a list reads a row's scales long before
  /// arithmetic could hide the wait for them.
  @unsafe static func ask(for side: CodedRows, _ range: Range<Int>) {
    var last = -1
    // Rows of a block are neighbours in most lanes, and blocks have 16 rows or more.
    for row in stride(from: range.lowerBound, to: range.upperBound, by: 16) {
      let place = unsafe Int(side.places[row])
      let block = place / CodeBlock.placesPerBlock
      guard place >= 0, block != last else { continue }
      last = block
      let (tier, address) = unsafe side.block(block)
      let layout = unsafe side.layouts[tier]
      if layout.scales > 0 { unsafe address.ask(bytes: layout.bytes) }
    }
  }

  /// Lends the rows in the store's format.
  @unsafe private static func lendWhole(
    _ rows: LaneRows, _ part: Range<Int>, _ places: UnsafePointer<Int32>?, value: Bool,
    _ room: ListRoom, _ body: (RowList) -> Void
  ) {
    if let places = unsafe places {
      var signs: Int32 = -1
      for row in part { unsafe signs &= ~places[row] }
      if signs < 0 { return }
    }
    var list = unsafe RowList(RowEncoding(rows.format, width: rows.headDimension), room)
    for row in part {
      if let places = unsafe places, unsafe places[row] >= 0 { continue }
      let address = unsafe value ? rows.value(row) : rows.key(row)
      unsafe address.ask(bytes: rows.rowBytes)
      unsafe list.append(row, address + list.encoding.firstNumber)
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
    var row = part.lowerBound
    while row < part.upperBound {
      let place = unsafe Int(side.places[row])
      guard place >= 0 else {
        row += 1
        continue
      }
      let (own, base) = unsafe side.block(place / CodeBlock.placesPerBlock)
      let run = unsafe side.run(from: row, to: part.upperBound)
      row += run
      guard own == tier else { continue }
      if isOfBlock, unsafe list.count > 0, unsafe list.block != base {
        unsafe body(list)
        unsafe list.removeAll()
      }
      unsafe list.block = unsafe base
      let first = place % CodeBlock.placesPerBlock
      if isOfRow { unsafe readScales(base, layout, first, run, list) }
      let codes = unsafe base + layout.firstCode + first &* layout.rowBytes
      unsafe codes.ask(bytes: run &* layout.rowBytes)
      unsafe list.append(row &- run, count: run, codes, stride: layout.rowBytes)
    }
    guard unsafe list.count > 0 else { return }
    if isOfRow { unsafe padScales(of: list) }
    unsafe body(list)
  }

  /// Reads scales and zeros of the next rows of a list: rows of a block from `first` on.
  @unsafe private static func readScales(
    _ block: UnsafeRawPointer, _ layout: CodeBlock, _ first: Int, _ count: Int, _ list: RowList
  ) {
    let format = layout.isWide ? RowFormat.f32 : .f16
    let size = layout.isWide ? 4 : 2
    for group in 0..<layout.scales {
      let target = unsafe list.scales(group) + list.count
      let source = unsafe block + size &* (group &* layout.rows &+ first)
      unsafe load(source, format: format, count: count, into: target)
      unsafe load(
        source + size &* layout.firstZero, format: format, count: count,
        into: target + RowList.most)
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
        guard place >= 0, unsafe side.block(place / CodeBlock.placesPerBlock).tier == tier
        else { continue }
        let target = unsafe base + list.count * width
        if unsafe side.decode(row, to: target) { unsafe list.append(row, target) }
      }
      if unsafe list.count > 0 { unsafe body(list) }
    }
  }
}
