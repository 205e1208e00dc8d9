/// One vector or several that meet matrices, each in the orders in which their types read it.
@unsafe struct VectorInputs {
  // `base` holds `count` vectors of `columns` floats; `sums` and `nibbles` likewise, per vector `blocks`
  // and 32 · `blocks` of them. Numbers of vectors are below `count`.

  let count: Int
  private let (columns, blocks): (Int, Int)
  private let base: UnsafePointer<Float>
  private let sums: UnsafeMutablePointer<Float>
  private let nibbles: UnsafeMutablePointer<Float>
  private let zero: Int32

  /// Lives as long as the vectors, and until the scratch is next used.
  init(
    _ x: UnsafePointer<Float>, count: Int, for group: MatrixGroup, _ scratch: MatrixScratch
  ) {
    let columns = unsafe group.columns
    unsafe self.count = count
    unsafe self.columns = columns
    unsafe blocks = columns / 32
    unsafe base = x
    unsafe zero = scratch.zero
    unsafe (sums, nibbles) = scratch.input(blocks: count * (columns / 32))
    guard unsafe group.contains({ $0.isNibbles }) else { return }
    // The vectors follow each other, and so do their blocks.
    for block in 0..<count * (columns / 32) { unsafe arrange(block) }
  }

  /// Vector `number` as floats read it.
  func floats(_ number: Int) -> UnsafePointer<Float> { unsafe base + number &* columns }

  /// Vector `number` as panels of a type read it.
  @inline(__always)
  func panelInput(_ number: Int, of type: TensorType) -> PanelInput {
    unsafe PanelInput(
      x: type.isNibbles ? UnsafePointer(nibbles + 32 &* number &* blocks) : floats(number),
      sums: UnsafePointer(sums + number &* blocks), zero: zero)
  }

  /// Writes what nibbles read of a block: see `PanelInput`.
  private func arrange(_ block: Int) {
    let (source, target) = unsafe (base + 32 &* block, nibbles + 32 &* block)
    unsafe sums[block] =
      ((load8(source) + load8(source + 8)) + (load8(source + 16) + load8(source + 24))).total
    for word in 0..<4 {
      for nibble in 0..<8 {
        unsafe target[8 &* word &+ nibble] =
          source[NibbleOrder.column(word: word, nibble: nibble)] * NibbleOrder.factor(nibble)
      }
    }
  }
}
