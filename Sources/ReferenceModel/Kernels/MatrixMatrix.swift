extension Kernels {
  /// `Y = X·Wᵀ` for `count` inputs: `count × columns` floats at `x`, `count × rows` at `y`.
  ///
  /// Sixteen rows of `W` at a time are unpacked into a thread's scratch, columns first, and all inputs
  /// are multiplied with them while they are in its cache. What an input gives does not depend on
  /// how many others there are.
  @unsafe package static func multiply(
    _ w: WeightMatrix, inputs x: UnsafePointer<Float>, count: Int,
    into y: UnsafeMutablePointer<Float>, scratch: MatrixScratch, team: ThreadTeam
  ) {
    scratch.reserve(columns: w.columns, threads: team.threads)
    let panels = (w.rows + MatrixScratch.panelRows - 1) / MatrixScratch.panelRows
    team.share(panels, grain: 1) { thread, range in
      guard let buffers = unsafe scratch.buffers(thread: thread) else { return }
      for panel in range {
        let first = panel * MatrixScratch.panelRows
        unsafe pack(w, first: first, block: buffers.block, into: buffers.panel)
        unsafe multiplyPanel(
          buffers.panel, first: first, of: w, inputs: x, count: count, into: y)
      }
    }
  }

  /// All inputs with the sixteen rows from `first` on.
  @unsafe @inline(never)
  private static func multiplyPanel(
    _ panel: UnsafePointer<Float>, first: Int, of w: WeightMatrix,
    inputs x: UnsafePointer<Float>, count: Int, into y: UnsafeMutablePointer<Float>
  ) {
    let (rows, columns) = (w.rows, w.columns)
    let width = min(MatrixScratch.panelRows, rows &- first)
    var input = 0
    while input < count {
      let height = min(ProductTile.rows, count &- input)
      let tile = unsafe ProductTile(
        a: x + input &* columns, aStride: columns, count: height,
        b: panel, bStride: MatrixScratch.panelRows, depth: columns)
      unsafe tile.store(
        to: y + (input &* rows &+ first), stride: rows, count: height, columns: width)
      input &+= ProductTile.rows
    }
  }

  /// Unpacks the sixteen rows from `first` on: element (k, i) of the panel is `W[first + i, k]`, or
  /// 0 past the last row.
  @unsafe private static func pack(
    _ w: WeightMatrix, first: Int, block: UnsafeMutablePointer<Float>,
    into panel: UnsafeMutablePointer<Float>
  ) {
    switch w.type {
    case .f32: unsafe packRows(F32Format.self, w, first, block, panel)
    case .f16: unsafe packRows(F16Format.self, w, first, block, panel)
    case .bf16: unsafe packRows(BF16Format.self, w, first, block, panel)
    case .q8_0: unsafe packRows(Q8_0Format.self, w, first, block, panel)
    case .q4_0: unsafe packRows(Q4_0Format.self, w, first, block, panel)
    case .q4_1: unsafe packRows(Q4_1Format.self, w, first, block, panel)
    case .q5_0: unsafe packRows(Q5_0Format.self, w, first, block, panel)
    case .q5_1: unsafe packRows(Q5_1Format.self, w, first, block, panel)
    }
  }

  @unsafe @inline(never)
  private static func packRows<Format: WeightFormat>(
    _: Format.Type, _ w: WeightMatrix, _ first: Int, _ block: UnsafeMutablePointer<Float>,
    _ panel: UnsafeMutablePointer<Float>
  ) {
    let width = min(MatrixScratch.panelRows, w.rows &- first)
    let rowBytes = w.rowBytes
    let rows = unsafe w.base + first &* rowBytes
    // Rows past the last one stay zero through all blocks.
    unsafe block.update(repeating: 0, count: 32 &* MatrixScratch.panelRows)
    var column = 0
    while column < w.columns {
      let count = min(32, w.columns &- column)
      let offset = column / 32 &* Format.bytes
      for row in 0..<width {
        let source = unsafe rows + (row &* rowBytes &+ offset)
        if count == 32 {
          unsafe unpackBlocks(Format.self, source, 1, into: block + row &* 32)
        } else {
          unsafe Format.unpackPart(source, count, into: block + row &* 32)
        }
      }
      unsafe transposeBlock(block, into: panel + column &* MatrixScratch.panelRows)
      column &+= 32
    }
  }

  /// Sixteen rows of 32 floats into 32 columns of sixteen.
  @unsafe @inline(__always)
  private static func transposeBlock(
    _ block: UnsafePointer<Float>, into panel: UnsafeMutablePointer<Float>
  ) {
    for half in 0..<2 {
      for group in 0..<4 {
        let r = unsafe block + (half &* 256 &+ group &* 8)
        let c = unsafe transposed(
          (
            load8(r), load8(r + 32), load8(r + 64), load8(r + 96),
            load8(r + 128), load8(r + 160), load8(r + 192), load8(r + 224)
          ))
        let target = unsafe panel + (group &* 8 &* MatrixScratch.panelRows &+ half &* 8)
        unsafe store8(c.0, target)
        unsafe store8(c.1, target + 16)
        unsafe store8(c.2, target + 32)
        unsafe store8(c.3, target + 48)
        unsafe store8(c.4, target + 64)
        unsafe store8(c.5, target + 80)
        unsafe store8(c.6, target + 96)
        unsafe store8(c.7, target + 112)
      }
    }
  }
}
