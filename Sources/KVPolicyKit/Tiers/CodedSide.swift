/// The keys, or the values, of one lane that are stored as codes.
///
/// Codes lie in blocks, each of one tier. The place of a row's codes is `block × 256 + index`. The
/// first block with such a place is block 0; a block without live rows goes back to its pool, and
/// its number is used again. A block whose rows share scales is written once, whole. A block whose
/// rows have scales of their own is filled row by row, and the holes that dropped rows leave are
/// filled before a new block is begun.
@safe package final class CodedSide {
  // Every place lies in a block that is held, at an index below the block's rows;
  // `checkInvariants` proves it.

  struct Block {
    /// The page of the tier's pool, or -1 for a block that was given back.
    var page: PagePool.PageID
    /// The index of the block's tier.
    var tier: Int32
    /// The place after the last one that was ever written.
    var filled: Int32
    /// Rows written and not dropped.
    var live: Int32
    /// Bit i: whether place i holds a row. Blocks with holes to fill have at most 64 places.
    var taken: UInt64 = 0
  }

  /// How the blocks of each tier are laid out, and where they come from.
  private(set) var layouts: StableArray<CodeBlock>
  private(set) var pools: [PagePool]
  /// Elements of a row.
  package let width: Int
  /// What is stored of a row, in one element; none for all of it.
  private var maps = StableArray<KeyMap>([])
  /// Per row of the lane: where its codes are, or -1 if it is in the store's format. Empty while
  /// no row is coded.
  private(set) var places = StableArray<Int32>([])
  /// Rows that are codes.
  private(set) var count = 0
  /// The first row in the store's format, or the number of `places` if there is none.
  private(set) var firstPlain = 0
  /// The number of first rows that lie one behind the other from block 0 on: their places need not
  /// be read. 0 where blocks may be of several tiers, or their rows are no power of two.
  private(set) var rowsInOrder = 0
  private(set) var blocks = StableArray<Block>([])
  /// The first byte of each block; nil for a block that was given back. Beside the blocks, because
  /// attention reads of most blocks nothing else.
  @unsafe private var addresses = unsafe StableArray<UnsafeMutableRawPointer?>([])
  /// Blocks not given back.
  private(set) var blocksHeld = 0
  /// Bytes of the blocks not given back.
  private var blockBytes = 0
  /// Bytes of all codes. Scales that rows share count in equal parts.
  private(set) var rowBytes = 0
  /// Per tier: the block that is being filled row by row, or -1.
  private var open: [Int]
  /// Per tier: places of its blocks that were written and hold no row.
  private var holes: [Int]

  init(width: Int, layouts: [CodeBlock], pools: [PagePool]) {
    self.width = width
    self.layouts = StableArray(layouts)
    self.pools = pools
    open = layouts.map { _ in -1 }
    holes = layouts.map { _ in 0 }
  }

  /// A fork: shares every block.
  init(forking other: CodedSide) {
    (width, pools, count) = (other.width, other.pools, other.count)
    layouts = StableArray(other.layouts.elements)
    maps = StableArray(other.maps.elements)
    places = StableArray(other.places.elements)
    blocks = StableArray(other.blocks.elements)
    unsafe addresses = StableArray(other.addresses.elements)
    (firstPlain, rowsInOrder) = (other.firstPlain, other.rowsInOrder)
    (open, holes) = (other.open, other.holes)
    (blocksHeld, blockBytes, rowBytes) = (other.blocksHeld, other.blockBytes, other.rowBytes)
    for block in held { pools[Int(block.tier)].retain(block.page) }
  }

  deinit {
    for block in held { pools[Int(block.tier)].release(block.page) }
  }

  /// What is stored of a row; nil for all of it.
  package var map: KeyMap? { maps.count > 0 ? maps[0] : nil }

  /// The blocks not given back.
  private var held: [Block] { blocks.elements.filter { $0.page >= 0 } }

  /// What kernels are lent: the rows of a list, which are at some places, or all rows of the lane;
  /// nil if none of the lane is a code. Valid while the lane is not changed.
  @unsafe func lend(_ list: UnsafePointer<Int32>? = nil) -> CodedRows? {
    guard count > 0 else { return nil }
    return unsafe CodedRows(
      side: self, places: list ?? UnsafePointer(places.base),
      layouts: UnsafeBufferPointer(start: layouts.base, count: layouts.count),
      map: maps.count > 0 ? UnsafePointer(maps.base) : nil, blocks: UnsafePointer(blocks.base),
      addresses: UnsafePointer(addresses.base), rowsInOrder: list == nil ? rowsInOrder : 0)
  }

  /// Bytes of the blocks, and of the bookkeeping: 32 for a block and 4 for a row.
  var bytes: Int { blockBytes + blocks.count * 32 + places.count * 4 }

  /// Bytes of the codes at some places, of which -1 has none. Scales that rows share count in equal
  /// parts.
  func rowBytes(at places: some Sequence<Int32>) -> Int {
    places.reduce(0) { total, place in
      guard place >= 0 else { return total }
      return total + layouts[Int(blocks[Int(place) / CodeBlock.placesPerBlock].tier)].bytesPerRow
    }
  }

  /// The rows that are codes of a tier, and the bytes of the tier's blocks.
  func held(tier: Int) -> (rows: Int, bytes: Int) {
    let own = held.filter { Int($0.tier) == tier }
    return (own.reduce(0) { $0 + Int($1.live) }, own.count * layouts[tier].bytes)
  }

  /// The place of a row's codes; nil if the row is in the store's format.
  func place(of row: Int) -> Int? {
    guard row < places.count, places[row] >= 0 else { return nil }
    return Int(places[row])
  }

  /// The tier of a row's codes; nil if the row is in the store's format.
  func tier(of row: Int) -> Int? {
    place(of: row).map { Int(blocks[$0 / CodeBlock.placesPerBlock].tier) }
  }

  /// Reads a coded row back.
  @unsafe package func decode(place: Int, to target: UnsafeMutablePointer<Float>) {
    let (block, index) = (place / CodeBlock.placesPerBlock, place % CodeBlock.placesPerBlock)
    // A bug in the store if the block was given back: places are those of live rows only.
    guard let base = unsafe addresses[block] else { preconditionFailure("no such block") }
    let layout = layouts[Int(blocks[block].tier)]
    guard let map else { return unsafe layout.decodeRow(index, of: base, to: target) }
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: layout.width) { room in
      // A map has at least one channel, so there is a base address.
      guard let stored = room.baseAddress else { return }
      unsafe layout.decodeRow(index, of: base, to: stored)
      unsafe map.restore(stored, width: width, to: target)
    }
  }

  /// Stores only what a map says of rows that become codes from now on. No row is coded yet.
  func apply(_ map: KeyMap, layouts: [CodeBlock], pools: [PagePool]) {
    precondition(count == 0 && self.map == nil, "a map is frozen, and comes before the first codes")
    maps = StableArray([map])
    self.layouts = StableArray(layouts)
    self.pools = pools
  }

  /// Bytes that coding may take: `rows` more rows in every tier.
  func bytesNeeded(for rows: Int) -> Int {
    (0..<layouts.count).reduce(0) { total, tier in
      let layout = layouts[tier]
      return total + ((rows + layout.rows - 1) / layout.rows + 1) * layout.bytes
    }
  }

  // MARK: Rows

  /// Makes room for the places of `rows` rows.
  func extend(to rows: Int) {
    guard rows > places.count else { return }
    places.append(contentsOf: repeatElement(-1, count: rows - places.count))
  }

  /// Keeps the places of some rows, in this order. Rows that are not kept were freed.
  func reorder(_ rows: [Int32]) {
    guard places.count > 0 else { return }
    let old = places.elements
    places = StableArray(rows.map { Int($0) < old.count ? old[Int($0)] : -1 })
    (firstPlain, rowsInOrder) = (0, 0)
    passCodes()
  }

  /// Moves `firstPlain` on to the next row in the store's format, and `rowsInOrder` to the next row
  /// that is out of order.
  private func passCodes() {
    while firstPlain < places.count, places[firstPlain] >= 0 { firstPlain += 1 }
    while rowsInOrder < firstPlain, isInOrder(rowsInOrder) { rowsInOrder += 1 }
  }

  /// Whether a row's place is the place that it has where all rows are in order.
  private func isInOrder(_ row: Int) -> Bool {
    guard layouts.count == 1, layouts[0].rows.nonzeroBitCount == 1 else { return false }
    let (block, index) = row.quotientAndRemainder(dividingBy: layouts[0].rows)
    return Int(places[row]) == block * CodeBlock.placesPerBlock + index
  }

  /// Gives up the codes of a row.
  func free(_ row: Int) {
    guard let place = place(of: row) else { return }
    let (block, index) = (place / CodeBlock.placesPerBlock, place % CodeBlock.placesPerBlock)
    places[row] = -1
    (firstPlain, rowsInOrder) = (min(firstPlain, row), min(rowsInOrder, row))
    count -= 1
    blocks[block].live -= 1
    rowBytes -= layouts[Int(blocks[block].tier)].bytesPerRow
    blocks[block].taken &= ~(1 << UInt64(index))
    holes[Int(blocks[block].tier)] += 1
    guard blocks[block].live == 0 else { return }
    giveBack(block)
  }

  private func giveBack(_ block: Int) {
    let tier = Int(blocks[block].tier)
    holes[tier] -= Int(blocks[block].filled)
    (blocksHeld, blockBytes) = (blocksHeld - 1, blockBytes - layouts[tier].bytes)
    pools[tier].release(blocks[block].page)
    blocks[block].page = -1
    unsafe addresses[block] = nil
    if open[tier] == block { open[tier] = -1 }
  }

  /// Stores rows as codes of a tier: `rows.count × width` floats, of which `map` is stored. The
  /// rows' places are those of a lane of `total` rows.
  ///
  /// - Throws: `StoreError.poolFull`; rows before the failing block are coded.
  func code(
    _ rows: [Int32], of total: Int, tier: Int, from floats: [Float]
  ) throws(StoreError) {
    let source = mapped(floats, rows: rows.count)
    extend(to: total)
    let layout = layouts[tier]
    if layout.format.grouping == .ofChannel {
      for first in stride(from: 0, to: rows.count, by: layout.rows) {
        let block = try addBlock(tier)
        guard let base = unsafe addresses[block] else { continue }
        unsafe source.withUnsafeBufferPointer { source in
          // The source has `width` floats of each row, and the block's rows are among them.
          guard let start = source.baseAddress else { return }
          unsafe layout.encodeBlock(start + first * layout.width, into: base)
        }
        for index in 0..<layout.rows { note(rows[first + index], block, index) }
      }
    } else {
      for (number, row) in rows.enumerated() {
        let block = try openBlock(tier)
        let index = firstRoom(of: block)
        guard let base = unsafe addresses[block] else { continue }
        unsafe source.withUnsafeBufferPointer { source in
          guard let start = source.baseAddress else { return }
          unsafe layout.encodeRow(start + number * layout.width, row: index, into: base)
        }
        note(row, block, index)
      }
    }
  }

  /// What is stored of some rows.
  private func mapped(_ floats: [Float], rows: Int) -> [Float] {
    guard let map else { return floats }
    let stored = map.channels.count
    var result = [Float](repeating: 0, count: rows * stored)
    unsafe floats.withUnsafeBufferPointer { source in
      unsafe result.withUnsafeMutableBufferPointer { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        for row in 0..<rows {
          unsafe map.store(source + row * width, to: target + row * stored)
        }
      }
    }
    return result
  }

  private func note(_ row: Int32, _ block: Int, _ index: Int) {
    if index < Int(blocks[block].filled) {
      holes[Int(blocks[block].tier)] -= 1
    } else {
      blocks[block].filled += 1
    }
    blocks[block].live += 1
    rowBytes += layouts[Int(blocks[block].tier)].bytesPerRow
    blocks[block].taken |= 1 << UInt64(index)
    // After the new codes are counted, so that the block of the old ones, which may be the same, is
    // not given back.
    free(Int(row))
    places[Int(row)] = Int32(block * CodeBlock.placesPerBlock + index)
    passCodes()
    count += 1
  }

  /// The lowest place of a block without a row: a hole, or the place after the last one written.
  private func firstRoom(of block: Int) -> Int {
    guard blocks[block].live < blocks[block].filled else { return Int(blocks[block].filled) }
    return (~blocks[block].taken).trailingZeroBitCount
  }

  /// The block of a tier that has room for a row, not shared with a fork: the first block with a
  /// hole, or else the block that is being filled.
  private func openBlock(_ tier: Int) throws(StoreError) -> Int {
    var block = open[tier]
    if holes[tier] > 0 {
      let holed = firstBlock { $0.page >= 0 && Int($0.tier) == tier && $0.live < $0.filled }
      block = holed ?? block
    }
    guard block >= 0, blocks[block].live < Int32(layouts[tier].rows) else {
      open[tier] = try addBlock(tier)
      return open[tier]
    }
    if !pools[tier].isPrivate(blocks[block].page) {
      let copy = try pools[tier].allocate()
      let target = unsafe pools[tier].address(copy)
      unsafe target.copyMemory(
        from: pools[tier].address(blocks[block].page), byteCount: layouts[tier].bytes)
      pools[tier].release(blocks[block].page)
      blocks[block].page = copy
      unsafe addresses[block] = unsafe target
    }
    return block
  }

  private func addBlock(_ tier: Int) throws(StoreError) -> Int {
    let page = try pools[tier].allocate()
    (blocksHeld, blockBytes) = (blocksHeld + 1, blockBytes + layouts[tier].bytes)
    let fresh = Block(page: page, tier: Int32(tier), filled: 0, live: 0)
    let address = unsafe pools[tier].address(page)
    guard let gap = firstBlock(where: { $0.page < 0 }) else {
      blocks.append(fresh)
      unsafe addresses.append(address)
      return blocks.count - 1
    }
    blocks[gap] = fresh
    unsafe addresses[gap] = unsafe address
    return gap
  }

  private func firstBlock(where isWanted: (Block) -> Bool) -> Int? {
    (0..<blocks.count).first { isWanted(blocks[$0]) }
  }

  /// The first broken invariant, or nil.
  func checkInvariants() -> String? {
    let (places, blocks, layouts) = (places.elements, blocks.elements, layouts.elements)
    var live = blocks.map { _ in Int32(0) }
    for place in places where place >= 0 {
      let (block, index) = (
        Int(place) / CodeBlock.placesPerBlock, place % Int32(CodeBlock.placesPerBlock)
      )
      guard block < blocks.count, blocks[block].page >= 0, index < blocks[block].filled else {
        return "place \(place) has no codes"
      }
      live[block] += 1
    }
    if Set(places.filter { $0 >= 0 }).count != count { return "two rows share codes" }
    if firstPlain != places.firstIndex(where: { $0 < 0 }) ?? places.count {
      return "row \(firstPlain) is not the first row that is no codes"
    }
    if rowsInOrder != (0..<firstPlain).first(where: { !isInOrder($0) }) ?? firstPlain {
      return "row \(rowsInOrder) is not the first row out of order"
    }
    for (tier, layout) in layouts.enumerated() {
      let own = blocks.filter { $0.page >= 0 && Int($0.tier) == tier }
      if own.reduce(0, { $0 + Int($1.filled - $1.live) }) != holes[tier] {
        return "tier \(tier) counts \(holes[tier]) holes, which its blocks do not have"
      }
      let isFilled = layout.format.grouping == .ofRow
      if isFilled, own.contains(where: { $0.taken.nonzeroBitCount != Int($0.live) }) {
        return "a block's places with rows are not its rows"
      }
    }
    let heldBytes = held.reduce(0) { $0 + layouts[Int($1.tier)].bytes }
    let codeBytes = held.reduce(0) { $0 + Int($1.live) * layouts[Int($1.tier)].bytesPerRow }
    guard (held.count, heldBytes, codeBytes) == (blocksHeld, blockBytes, rowBytes) else {
      return "blocks or their bytes are counted wrong"
    }
    for (block, rows) in zip(blocks, live) where block.page >= 0 {
      if block.live != rows { return "a block counts \(block.live) rows and has \(rows)" }
      if pools[Int(block.tier)].referenceCount(block.page) < 1 {
        return "a block is held and not referenced"
      }
    }
    return nil
  }
}
