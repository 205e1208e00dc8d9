extension Kernels {
  /// `Y = X·Wᵀ` for `count` inputs: `count × columns` floats at `x`, `count × rows` at `y`.
  ///
  /// A panel of rows of `W` at a time is unpacked into a thread's scratch memory, columns first, and
  /// multiplied with all inputs while it is in the thread's cache. An input's products do not
  /// depend on the number of other inputs.
  @unsafe package static func multiply(
    _ w: WeightMatrix, inputs x: UnsafePointer<Float>, count: Int,
    into y: UnsafeMutablePointer<Float>, scratch: MatrixScratch, team: ThreadTeam
  ) {
    scratch.reserve(columns: w.columns, threads: team.threads)
    let w = WeightRows(w)
    team.share(w.runs, grain: 1) { thread, range in
      guard let buffers = unsafe scratch.buffers(thread: thread) else { return }
      for panel in range {
        let first = panel * ProductTile.columns
        unsafe pack(
          w, first: first, zero: scratch.zero, block: buffers.block, into: buffers.panel)
        unsafe multiplyPanel(
          buffers.panel, first: first, of: w, inputs: x, count: count, into: y)
      }
    }
  }

  /// Multiplies all inputs with the panel of matrix rows from `first` on.
  @unsafe @inline(never)
  private static func multiplyPanel(
    _ panel: UnsafePointer<Float>, first: Int, of w: WeightRows,
    inputs x: UnsafePointer<Float>, count: Int, into y: UnsafeMutablePointer<Float>
  ) {
    let (rows, columns) = (w.rows, w.columns)
    let width = min(ProductTile.columns, rows &- first)
    var input = 0
    while input < count {
      let height = min(ProductTile.rows, count &- input)
      let tile = unsafe ProductTile(
        a: x + input &* columns, aStride: columns, count: height,
        b: panel, bStride: ProductTile.columns, depth: columns)
      unsafe tile.store(
        to: y + (input &* rows &+ first), stride: rows, count: height, columns: width)
      input &+= ProductTile.rows
    }
  }

  /// Unpacks the panel of matrix rows from `first` on: element (k, i) of the packed operand `panel`
  /// is `W[first + i, k]`, or 0 past the last row.
  @unsafe private static func pack(
    _ w: WeightRows, first: Int, zero: Int32, block: UnsafeMutablePointer<Float>,
    into panel: UnsafeMutablePointer<Float>
  ) {
    switch w.type {
    case .f32: unsafe packRows(F32Format.self, w, first, block, panel)
    case .f16: unsafe packRows(F16Format.self, w, first, block, panel)
    case .bf16: unsafe packRows(BF16Format.self, w, first, block, panel)
    case .q8_0: unsafe unpackPanel(Q8_0Panel.self, w, first, zero, panel)
    case .q4_0: unsafe unpackPanel(Q4_0Panel.self, w, first, zero, panel)
    case .q4_1: unsafe unpackPanel(Q4_1Panel.self, w, first, zero, panel)
    case .q5_0: unsafe unpackPanel(Q5_0Panel.self, w, first, zero, panel)
    case .q5_1: unsafe unpackPanel(Q5_1Panel.self, w, first, zero, panel)
    }
  }

  /// Rows of a quantised matrix, which are side by side already.
  @unsafe @inline(never)
  private static func unpackPanel<Format: PanelFormat>(
    _: Format.Type, _ w: WeightRows, _ first: Int, _ zero: Int32,
    _ panel: UnsafeMutablePointer<Float>
  ) {
    unsafe Format.unpack(
      w.run(first / PanelShape.rows), blocks: w.columns / 32, zero: zero, into: panel)
  }

  /// Rows of a float matrix.
  @unsafe @inline(never)
  private static func packRows<Format: FloatFormat>(
    _: Format.Type, _ w: WeightRows, _ first: Int, _ block: UnsafeMutablePointer<Float>,
    _ panel: UnsafeMutablePointer<Float>
  ) {
    let width = min(ProductTile.columns, w.rows &- first)
    let rowBytes = w.columns &* Format.elementBytes
    let rows = unsafe w.run(first / PanelShape.rows)
    // Matrix rows past the last row stay zero through all blocks.
    unsafe block.update(repeating: 0, count: 32 &* ProductTile.columns)
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
      unsafe packPanel(
        block, stride: 32, count: ProductTile.columns, depth: 32,
        into: panel + column &* ProductTile.columns)
      column &+= 32
    }
  }
}
