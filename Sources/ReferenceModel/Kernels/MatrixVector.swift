/// The numeric kernels of the reference model.
///
/// Every kernel has a plain loop of the same name in `PlainKernels`, which is its meaning. Results
/// are bit-identical for every number of threads: each output is computed by one thread, in an
/// order that does not depend on how the work was shared out.
package enum Kernels {
  /// `y = W·x`: `w.columns` floats at `x`, `w.rows` floats at `y`.
  @unsafe package static func multiply(
    _ w: WeightMatrix, _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>,
    scratch: MatrixScratch, team: ThreadTeam
  ) {
    unsafe multiply((w, nil, nil), x, into: (y, y, y), scratch: scratch, team: team)
  }

  /// `yᵢ = Wᵢ·x` for up to three matrices in one region of the team. They have as many columns.
  @unsafe package static func multiply(
    _ w: (WeightMatrix, WeightMatrix?, WeightMatrix?), _ x: UnsafePointer<Float>,
    into y: (
      UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>
    ), scratch: MatrixScratch, team: ThreadTeam
  ) {
    let job = unsafe VectorProducts(w, x, into: y, scratch)
    unsafe team.share(job.runs, grain: 1, with: job) { job, _, runs in unsafe job.multiply(runs) }
  }

  /// `y[r] = W[r]·x` for some runs of sixteen rows, on this thread.
  @unsafe fileprivate static func multiplyRuns(
    of w: WeightRows, _ runs: Range<Int>, _ input: VectorInput,
    into y: UnsafeMutablePointer<Float>
  ) {
    let x = unsafe input.x
    switch unsafe w.type {
    case .f32: unsafe floatRows(F32Format.self, w, runs, x, into: y)
    case .f16: unsafe floatRows(F16Format.self, w, runs, x, into: y)
    case .bf16: unsafe floatRows(BF16Format.self, w, runs, x, into: y)
    case .q8_0: unsafe panels(Q8_0Panel.self, w, runs, input.bytes, into: y)
    case .q4_0: unsafe panels(Q4_0Panel.self, w, runs, input.nibbles, into: y)
    case .q4_1: unsafe panels(Q4_1Panel.self, w, runs, input.nibbles, into: y)
    case .q5_0: unsafe panels(Q5_0Panel.self, w, runs, input.nibbles, into: y)
    case .q5_1: unsafe panels(Q5_1Panel.self, w, runs, input.nibbles, into: y)
    }
  }

  /// Rows of a quantised matrix, panel by panel.
  @unsafe @inline(never)
  private static func panels<Format: PanelFormat>(
    _: Format.Type, _ w: WeightRows, _ runs: Range<Int>, _ input: PanelInput,
    into y: UnsafeMutablePointer<Float>
  ) {
    let blocks = unsafe w.columns / 32
    for run in runs {
      let products = unsafe Format.multiply(w.run(run), blocks: blocks, input)
      let first = run &* PanelShape.rows
      let count = unsafe w.rows &- first
      if count >= PanelShape.rows {
        unsafe store8(products.0, y + first)
        unsafe store8(products.1, y + (first &+ 8))
      } else {
        unsafe store8(products.0, y + first, count: min(count, 8))
        unsafe store8(products.1, y + (first &+ 8), count: max(count &- 8, 0))
      }
    }
  }

  /// Float rows: four accumulators, then the columns that do not fill a block.
  @unsafe @inline(never)
  static func floatRows<Format: FloatFormat>(
    _: Format.Type, _ w: WeightRows, _ runs: Range<Int>, _ x: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    let columns = unsafe w.columns
    var row = runs.lowerBound &* PanelShape.rows
    let end = unsafe min(runs.upperBound &* PanelShape.rows, w.rows)
    var p = unsafe w.run(runs.lowerBound)
    while row < end {
      var a = (Float8.zero, Float8.zero, Float8.zero, Float8.zero)
      var column = 0
      while column &+ 32 <= columns {
        let block = unsafe Format.unpack(p + column &* Format.elementBytes)
        a.0 = unsafe multiplyAdd(block.0, load8(x + column), a.0)
        a.1 = unsafe multiplyAdd(block.1, load8(x + column + 8), a.1)
        a.2 = unsafe multiplyAdd(block.2, load8(x + column + 16), a.2)
        a.3 = unsafe multiplyAdd(block.3, load8(x + column + 24), a.3)
        column &+= 32
      }
      while column &+ 8 <= columns {
        let weights = unsafe Format.load8(p + column &* Format.elementBytes)
        a.0 = unsafe multiplyAdd(weights, load8(x + column), a.0)
        column &+= 8
      }
      var rest: Float = 0
      while column < columns {
        rest = unsafe multiplyAdd(
          Format.load(p + column &* Format.elementBytes), x[column], rest)
        column &+= 1
      }
      unsafe y[row] = ((a.0 + a.1) + (a.2 + a.3)).total + rest
      row &+= 1
      unsafe p += columns &* Format.elementBytes
    }
  }
}

/// Up to three matrices with one input, and where their products go.
@unsafe private struct VectorProducts {
  private typealias Output = UnsafeMutablePointer<Float>

  // An absent matrix has no rows.
  private let (w1, w2, w3): (WeightRows, WeightRows, WeightRows)
  private let (y1, y2, y3): (Output, Output, Output)
  private let input: VectorInput
  /// Runs of the first matrix, of the first two, of all three.
  private let (first, second): (Int, Int)
  let runs: Int

  init(
    _ w: (WeightMatrix, WeightMatrix?, WeightMatrix?), _ x: UnsafePointer<Float>,
    into y: (
      UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>
    ), _ scratch: MatrixScratch
  ) {
    unsafe w1 = WeightRows(w.0)
    unsafe w2 = w.1.map { unsafe WeightRows($0) } ?? w1.none
    unsafe w3 = w.2.map { unsafe WeightRows($0) } ?? w1.none
    precondition(
      unsafe w2.columns == w1.columns && w3.columns == w1.columns,
      "matrices with one input have as many columns")
    unsafe (y1, y2, y3) = y
    unsafe input = VectorInput(
      x, isForNibbles: w1.type.isNibbles || w2.type.isNibbles || w3.type.isNibbles,
      columns: w1.columns, scratch: scratch)
    unsafe first = w1.runs
    unsafe second = first + w2.runs
    unsafe runs = second + w3.runs
  }

  /// Some of `runs`, on this thread.
  func multiply(_ range: Range<Int>) {
    let middle = unsafe shift(range.clamped(to: 0..<second), down: first)
    unsafe Kernels.multiplyRuns(of: w1, range.clamped(to: 0..<first), input, into: y1)
    unsafe Kernels.multiplyRuns(of: w2, middle, input, into: y2)
    unsafe Kernels.multiplyRuns(of: w3, shift(range, down: second), input, into: y3)
  }

  /// The part of `range` from `split` on, counted from `split`.
  private func shift(_ range: Range<Int>, down split: Int) -> Range<Int> {
    max(range.lowerBound - split, 0)..<max(range.upperBound - split, 0)
  }
}
