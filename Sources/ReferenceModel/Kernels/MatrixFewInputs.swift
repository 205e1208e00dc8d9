extension Kernels {
  /// Rows handed to a thread at once: whole groups of four.
  private static let rowGrain = 16

  /// `Y = X·Wᵀ` for the few inputs of sequences that decode together: `count × columns` floats at `x`,
  /// `count × rows` at `y`.
  ///
  /// Four rows of `W` at a time are unpacked into a thread's scratch, where all inputs meet them, three at
  /// a time. Nothing is transposed, unlike in the product of a prompt's many inputs: few would not make
  /// up for it. What an input gives does not depend on how many others there are; its sums have another
  /// order than those of a single vector.
  @unsafe package static func multiply(
    _ w: WeightMatrix, few x: UnsafePointer<Float>, count: Int,
    into y: UnsafeMutablePointer<Float>, scratch: MatrixScratch, team: ThreadTeam
  ) {
    scratch.reserve(columns: w.columns, threads: team.threads)
    let job = unsafe FewInputs(w: w, x: x, count: count, y: y, scratch: scratch)
    unsafe team.share(w.rows, grain: rowGrain, with: job) { job, thread, rows in
      unsafe job.multiply(rows, thread: thread)
    }
  }
}

/// What the threads share out of one product.
@unsafe private struct FewInputs {
  // Rows are below `w.rows` and inputs below `count`, so what is read and written lies inside `x`, `y` and
  // the thread's panel, which holds sixteen rows.

  let w: WeightMatrix
  let x: UnsafePointer<Float>
  let count: Int
  let y: UnsafeMutablePointer<Float>
  let scratch: MatrixScratch

  /// All inputs with some rows.
  @inline(never)
  func multiply(_ rows: Range<Int>, thread: Int) {
    guard let panel = unsafe scratch.buffers(thread: thread)?.panel else { return }
    var row = rows.lowerBound
    while row < rows.upperBound {
      let width = min(DotTile.width, rows.upperBound &- row)
      for index in 0..<width {
        unsafe Kernels.unpack(w, row: row &+ index, into: panel + index &* w.columns)
      }
      unsafe multiply(panel, first: row, width: width)
      row &+= DotTile.width
    }
  }

  /// All inputs with the `width` rows from `first` on, which are unpacked.
  private func multiply(_ panel: UnsafePointer<Float>, first: Int, width: Int) {
    let (rows, columns) = unsafe (w.rows, w.columns)
    let k = unsafe (
      UnsafeRawPointer(panel), UnsafeRawPointer(panel + min(1, width &- 1) &* columns),
      UnsafeRawPointer(panel + min(2, width &- 1) &* columns),
      UnsafeRawPointer(panel + min(3, width &- 1) &* columns)
    )
    var input = 0
    while unsafe input < count {
      let q = unsafe x + input &* columns
      let target = unsafe y + (input &* rows &+ first)
      switch unsafe count &- input {
      case 1: unsafe store(tile(1, q, k), 1, target, width)
      case 2: unsafe store(tile(2, q, k), 2, target, width)
      default: unsafe store(tile(3, q, k), 3, target, width)
      }
      input &+= DotTile.height
    }
  }

  private typealias Rows = (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer)

  @inline(__always)
  private func tile(_ height: Int, _ q: UnsafePointer<Float>, _ k: Rows) -> DotTile {
    unsafe DotTile(
      F32Format.self, height: height, q: q, stride: w.columns, k: k, depth: w.columns)
  }

  @inline(__always)
  private func store(
    _ tile: DotTile, _ height: Int, _ target: UnsafeMutablePointer<Float>, _ width: Int
  ) {
    unsafe store4(tile.r0, scale: 1, target, count: width)
    if height > 1 { unsafe store4(tile.r1, scale: 1, target + w.rows, count: width) }
    if height > 2 { unsafe store4(tile.r2, scale: 1, target + 2 &* w.rows, count: width) }
  }
}
