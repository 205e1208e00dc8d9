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
    let input = unsafe VectorInput(
      x, isForNibbles: w.type.isNibbles, columns: w.columns, scratch: scratch)
    unsafe team.share(w.runs, grain: 1, with: (w: w, y: y, input: input)) { job, _, runs in
      unsafe multiplyRuns(of: job.w, runs, job.input, into: job.y)
    }
  }

  /// `y₁ = W₁·x`, `y₂ = W₂·x` in one region of the team. The matrices have as many columns.
  @unsafe package static func multiply(
    _ w1: WeightMatrix, _ w2: WeightMatrix, _ x: UnsafePointer<Float>,
    into y1: UnsafeMutablePointer<Float>, _ y2: UnsafeMutablePointer<Float>,
    scratch: MatrixScratch, team: ThreadTeam
  ) {
    precondition(w1.columns == w2.columns, "matrices with one input have as many columns")
    let input = unsafe VectorInput(
      x, isForNibbles: w1.type.isNibbles || w2.type.isNibbles, columns: w1.columns, scratch: scratch
    )
    let job = unsafe (w1: w1, w2: w2, y1: y1, y2: y2, input: input)
    unsafe team.share(w1.runs + w2.runs, grain: 1, with: job) { job, _, runs in
      let split = unsafe job.w1.runs
      unsafe multiplyRuns(of: job.w1, runs.clamped(to: 0..<split), job.input, into: job.y1)
      unsafe multiplyRuns(of: job.w2, shift(runs, down: split), job.input, into: job.y2)
    }
  }

  /// `y₁ = W₁·x`, `y₂ = W₂·x`, `y₃ = W₃·x` in one region of the team. The matrices have as many
  /// columns.
  @unsafe package static func multiply(
    _ w1: WeightMatrix, _ w2: WeightMatrix, _ w3: WeightMatrix, _ x: UnsafePointer<Float>,
    into y1: UnsafeMutablePointer<Float>, _ y2: UnsafeMutablePointer<Float>,
    _ y3: UnsafeMutablePointer<Float>, scratch: MatrixScratch, team: ThreadTeam
  ) {
    precondition(
      w1.columns == w2.columns && w2.columns == w3.columns,
      "matrices with one input have as many columns")
    let input = unsafe VectorInput(
      x, isForNibbles: w1.type.isNibbles || w2.type.isNibbles || w3.type.isNibbles,
      columns: w1.columns, scratch: scratch)
    let job = unsafe (w1: w1, w2: w2, w3: w3, y1: y1, y2: y2, y3: y3, input: input)
    unsafe team.share(w1.runs + w2.runs + w3.runs, grain: 1, with: job) { job, _, runs in
      let (second, third) = unsafe (job.w1.runs, job.w1.runs + job.w2.runs)
      let middle = shift(runs.clamped(to: 0..<third), down: second)
      unsafe multiplyRuns(of: job.w1, runs.clamped(to: 0..<second), job.input, into: job.y1)
      unsafe multiplyRuns(of: job.w2, middle, job.input, into: job.y2)
      unsafe multiplyRuns(of: job.w3, shift(runs, down: third), job.input, into: job.y3)
    }
  }

  /// The part of `runs` from `split` on, counted from `split`.
  private static func shift(_ runs: Range<Int>, down split: Int) -> Range<Int> {
    max(runs.lowerBound - split, 0)..<max(runs.upperBound - split, 0)
  }

  /// `y[r] = W[r]·x` for some runs of sixteen rows, on this thread.
  @unsafe private static func multiplyRuns(
    of w: WeightMatrix, _ runs: Range<Int>, _ input: VectorInput,
    into y: UnsafeMutablePointer<Float>
  ) {
    let x = unsafe input.x
    switch w.type {
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
    _: Format.Type, _ w: WeightMatrix, _ runs: Range<Int>, _ input: PanelInput,
    into y: UnsafeMutablePointer<Float>
  ) {
    let panels = w.readyPanels
    let blocks = w.columns / 32
    for run in runs {
      let products = unsafe Format.multiply(panels.panel(run), blocks: blocks, input)
      let first = run &* PanelShape.rows
      let count = w.rows &- first
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
    _: Format.Type, _ w: WeightMatrix, _ runs: Range<Int>, _ x: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    let columns = w.columns
    var row = runs.lowerBound &* PanelShape.rows
    let end = min(runs.upperBound &* PanelShape.rows, w.rows)
    while row < end {
      let p = unsafe w.base + row &* (columns &* Format.elementBytes)
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
    }
  }
}

extension WeightMatrix {
  /// Runs of sixteen rows, the last of which may be shorter: what threads share out.
  fileprivate var runs: Int { (rows + PanelShape.rows - 1) / PanelShape.rows }
}
