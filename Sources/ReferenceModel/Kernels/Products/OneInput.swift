extension Kernels {
  /// `y = W·x`: `w.columns` floats at `x`, `w.rows` floats at `y`.
  @unsafe package static func multiply(
    _ w: WeightMatrix, _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>,
    scratch: MatrixScratch, team: ThreadTeam
  ) {
    unsafe multiply(MatrixGroup((w, y)), x, scratch: scratch, team: team)
  }

  /// `y = W·x` for each of up to three matrices, in one parallel region, beside an errand of the
  /// caller.
  @unsafe package static func multiply(
    _ group: MatrixGroup, _ x: UnsafePointer<Float>, scratch: MatrixScratch, team: ThreadTeam,
    beside errand: () -> Void = {}
  ) {
    let input = unsafe VectorInputs(x, count: 1, for: group, scratch)
    let runs = group.total { $0.runs }
    let job = (group: group, input: input)
    team.share(runs, grain: 1, with: job, beside: errand) { job, _, runs in
      unsafe job.group.forEachPart(of: runs, { $0.runs }) { member, runs in
        unsafe multiplyRuns(of: member.w, runs, job.input, into: member.y)
      }
    }
  }

  /// `y[r] = W[r]·x` for some panels of matrix rows, on this thread.
  @unsafe private static func multiplyRuns(
    of w: WeightRows, _ runs: Range<Int>, _ input: VectorInputs,
    into y: UnsafeMutablePointer<Float>
  ) {
    let x = unsafe input.floats(0)
    switch w.type {
    case .f32: unsafe floatRows(F32Format.self, w, runs, x, into: y)
    case .f16: unsafe floatRows(F16Format.self, w, runs, x, into: y)
    case .bf16: unsafe floatRows(BF16Format.self, w, runs, x, into: y)
    case .q8_0: unsafe panels(Q8_0Panel.self, w, runs, input, into: y)
    case .q4_0: unsafe panels(Q4_0Panel.self, w, runs, input, into: y)
    case .q4_1: unsafe panels(Q4_1Panel.self, w, runs, input, into: y)
    case .q5_0: unsafe panels(Q5_0Panel.self, w, runs, input, into: y)
    case .q5_1: unsafe panels(Q5_1Panel.self, w, runs, input, into: y)
    }
  }

  /// Rows of a quantised matrix, panel by panel.
  @unsafe @inline(never)
  private static func panels<Format: PanelFormat>(
    _: Format.Type, _ w: WeightRows, _ runs: Range<Int>, _ input: VectorInputs,
    into y: UnsafeMutablePointer<Float>
  ) {
    let input = input.panelInput(0, of: Format.type)
    let blocks = w.columns / 32
    for run in runs {
      let products = unsafe Format.multiply(w.run(run), blocks: blocks, input)
      unsafe w.store(products, run: run, to: y)
    }
  }

  /// Rows of a float matrix: four accumulators, then the columns that do not fill a block.
  @unsafe @inline(never)
  static func floatRows<Format: FloatFormat>(
    _: Format.Type, _ w: WeightRows, _ runs: Range<Int>, _ x: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    let (columns, step) = (w.columns, vectorWidth &* Format.elementBytes)
    var row = runs.lowerBound &* PanelShape.rows
    let end = min(runs.upperBound &* PanelShape.rows, w.rows)
    var p = unsafe w.run(runs.lowerBound)
    while row < end {
      var a = (FloatVector.zero, FloatVector.zero, FloatVector.zero, FloatVector.zero)
      var column = 0
      while column &+ 4 &* vectorWidth <= columns {
        let (q, v) = unsafe (p + column &* Format.elementBytes, x + column)
        a.0 = unsafe multiplyAdd(Format.loadVector(q), loadVector(v), a.0)
        a.1 = unsafe multiplyAdd(Format.loadVector(q + step), loadVector(v + vectorWidth), a.1)
        a.2 = unsafe multiplyAdd(
          Format.loadVector(q + 2 &* step), loadVector(v + 2 &* vectorWidth), a.2)
        a.3 = unsafe multiplyAdd(
          Format.loadVector(q + 3 &* step), loadVector(v + 3 &* vectorWidth), a.3)
        column &+= 4 &* vectorWidth
      }
      while column &+ vectorWidth <= columns {
        let weights = unsafe Format.loadVector(p + column &* Format.elementBytes)
        a.0 = unsafe multiplyAdd(weights, loadVector(x + column), a.0)
        column &+= vectorWidth
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
