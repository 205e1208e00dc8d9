import KVPolicyKit

extension Kernels {
  /// Lends some rows of a lane as lists: the rows of each tier, then the rows in the store's
  /// format, of up to 128 rows of the range at a time. Every row is in one list.
  @unsafe static func forEachList(
    of rows: LaneRows, _ range: Range<Int>, value: Bool, _ room: ListRoom,
    _ body: (RowList) -> Void
  ) {
    var first = range.lowerBound
    while first < range.upperBound {
      let part = unsafe first..<min(first + RowList.most, range.upperBound)
      first = part.upperBound
      guard let codes = unsafe rows.codes, let side = unsafe value ? codes.values : codes.keys,
        let layouts = unsafe side.layouts.baseAddress
      else {
        unsafe lendWhole(rows, part, nil, value: value, room, body)
        continue
      }
      var count = 0
      for tier in unsafe side.layouts.indices {
        let layout = unsafe layouts + tier
        let isMapped = unsafe side.map != nil
        if let encoding = unsafe RowEncoding(layout.pointee, isMapped: isMapped, value: value) {
          count += unsafe lend(
            side, part, tier: tier, RowList(encoding, layout, room), body)
        } else {
          count += unsafe lendDecoded(side, part, tier: tier, rows.headDimension, room, body)
        }
      }
      if count < part.count { unsafe lendWhole(rows, part, side, value: value, room, body) }
    }
  }

  /// Floats of memory that kernels need for some query heads and a lane's rows: what they would
  /// allocate without.
  @unsafe static func listFloats(heads: Int, _ rows: LaneRows) -> Int {
    guard unsafe rows.codes != nil || rows.format == .q8_0 else { return 0 }
    let (keys, values) = unsafe (greatest(rows, value: false), greatest(rows, value: true))
    return unsafe ListRoom.floats(
      heads: heads, width: max(keys.width, values.width), groups: max(keys.groups, values.groups))
  }

  /// Numbers of a row and groups of a row: the most of all encodings of a lane.
  @unsafe static func greatest(_ rows: LaneRows, value: Bool) -> (width: Int, groups: Int) {
    let depth = unsafe rows.headDimension
    var groups = unsafe RowEncoding(rows.format, width: depth).groups
    guard let codes = unsafe rows.codes, let side = unsafe value ? codes.values : codes.keys else {
      return (depth, groups)
    }
    for tier in unsafe side.layouts.indices {
      let layout = unsafe side.layouts[tier]
      guard let encoding = RowEncoding(layout, isMapped: false, value: value) else { continue }
      groups = max(groups, encoding.groups)
    }
    return (depth, groups)
  }

  /// Lends the rows in the store's format: those between the runs.
  @unsafe private static func lendWhole(
    _ rows: LaneRows, _ part: Range<Int>, _ side: CodedRows?, value: Bool,
    _ room: ListRoom, _ body: (RowList) -> Void
  ) {
    var list = unsafe RowList(RowEncoding(rows.format, width: rows.headDimension), nil, room)
    var row = part.lowerBound
    while row < part.upperBound {
      let run = unsafe side?.run(in: row..<part.upperBound)
      let end = run?.rows.lowerBound ?? part.upperBound
      while row < end {
        let count = unsafe rows.contiguousRows(from: row, to: end)
        let address = unsafe value ? rows.value(row) : rows.key(row)
        unsafe list.append(
          row, count: count, address + list.encoding.firstNumber, stride: rows.rowBytes)
        row += count
      }
      row = run?.rows.upperBound ?? row
    }
    guard unsafe list.count > 0 else { return }
    if unsafe list.encoding.scaling == .ofRow { unsafe list.readScales() }
    unsafe body(list)
  }

  /// Lends the rows of a tier, and returns their number: all at once, or run by run where rows of a
  /// block share scales.
  @unsafe private static func lend(
    _ side: CodedRows, _ part: Range<Int>, tier: Int, _ empty: RowList,
    _ body: (RowList) -> Void
  ) -> Int {
    guard let layout = unsafe empty.layout else { return 0 }
    var list = unsafe empty
    var count = 0
    let (scaling, rowBytes) = unsafe (list.encoding.scaling, layout.pointee.rowBytes)
    var row = part.lowerBound
    while let run = unsafe side.run(in: row..<part.upperBound) {
      row = run.rows.upperBound
      guard run.tier == tier else { continue }
      count += run.rows.count
      if scaling == .ofBlock {
        unsafe list.take(run)
        unsafe body(list)
        continue
      }
      if scaling == .ofRowWithZero { unsafe readScales(run, layout.pointee, list) }
      let codes = unsafe run.base + layout.pointee.firstCode + run.index &* rowBytes
      unsafe list.append(run.rows.lowerBound, count: run.rows.count, codes, stride: rowBytes)
    }
    guard scaling != .ofBlock, unsafe list.count > 0 else { return count }
    if scaling == .ofRowWithZero { unsafe list.padScales() }
    unsafe body(list)
    return count
  }

  /// Reads scales and zeros of the next rows of a list.
  @unsafe private static func readScales(
    _ run: CodedRun, _ layout: CodeBlock, _ list: RowList
  ) {
    let count = run.rows.count
    let format = layout.isWide ? RowFormat.f32 : .f16
    let size = layout.isWide ? 4 : 2
    for group in 0..<layout.scales {
      let target = unsafe list.scales(group) + list.count
      let source = unsafe run.base + size &* (group &* layout.rows &+ run.index)
      unsafe load(source, format: format, count: count, into: target)
      unsafe load(
        source + size &* layout.firstZero, format: format, count: count,
        into: target + RowList.most)
    }
  }

  /// Lends rows of a tier whose codes kernels cannot read, as floats, and returns their number.
  @unsafe private static func lendDecoded(
    _ side: CodedRows, _ part: Range<Int>, tier: Int, _ width: Int, _ room: ListRoom,
    _ body: (RowList) -> Void
  ) -> Int {
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: part.count * width) { floats in
      guard let base = floats.baseAddress else { return 0 }
      var list = unsafe RowList(RowEncoding(.f32, width: width), nil, room)
      var row = part.lowerBound
      while let run = unsafe side.run(in: row..<part.upperBound) {
        row = run.rows.upperBound
        guard run.tier == tier else { continue }
        for row in run.rows {
          let target = unsafe base + list.count * width
          if unsafe side.decode(row, to: target) { unsafe list.append(row, target) }
        }
      }
      if unsafe list.count > 0 { unsafe body(list) }
      return unsafe list.count
    }
  }
}
