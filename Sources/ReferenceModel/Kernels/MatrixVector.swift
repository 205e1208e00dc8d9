/// The numeric kernels of the reference model.
///
/// Every kernel has a plain loop of the same name in `PlainKernels`, which is its meaning. Results
/// are bit-identical for every number of threads: each output is computed by one thread, in an
/// order that does not depend on how the work was shared out.
package enum Kernels {
  /// Rows handed to a thread at once in a matrix–vector product.
  private static let rowGrain = 16

  /// `y = W·x`: `w.columns` floats at `x`, `w.rows` floats at `y`.
  @unsafe package static func multiply(
    _ w: WeightMatrix, _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>,
    scratch: MatrixScratch, team: ThreadTeam
  ) {
    let input = unsafe VectorInput(x, columns: w.columns, scratch: scratch)
    unsafe team.share(w.rows, grain: rowGrain, with: (w: w, y: y, input: input)) { job, _, rows in
      unsafe multiplyRows(of: job.w, rows, job.input, into: job.y)
    }
  }

  /// `y₁ = W₁·x`, `y₂ = W₂·x` in one region of the team. The matrices have as many columns.
  @unsafe package static func multiply(
    _ w1: WeightMatrix, _ w2: WeightMatrix, _ x: UnsafePointer<Float>,
    into y1: UnsafeMutablePointer<Float>, _ y2: UnsafeMutablePointer<Float>,
    scratch: MatrixScratch, team: ThreadTeam
  ) {
    precondition(w1.columns == w2.columns, "matrices with one input have as many columns")
    let input = unsafe VectorInput(x, columns: w1.columns, scratch: scratch)
    let job = unsafe (w1: w1, w2: w2, y1: y1, y2: y2, input: input)
    unsafe team.share(w1.rows + w2.rows, grain: rowGrain, with: job) { job, _, rows in
      let split = unsafe job.w1.rows
      unsafe multiplyRows(of: job.w1, rows.clamped(to: 0..<split), job.input, into: job.y1)
      unsafe multiplyRows(of: job.w2, shift(rows, down: split), job.input, into: job.y2)
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
    let input = unsafe VectorInput(x, columns: w1.columns, scratch: scratch)
    let job = unsafe (w1: w1, w2: w2, w3: w3, y1: y1, y2: y2, y3: y3, input: input)
    let count = w1.rows + w2.rows + w3.rows
    unsafe team.share(count, grain: rowGrain, with: job) { job, _, rows in
      let (second, third) = unsafe (job.w1.rows, job.w1.rows + job.w2.rows)
      let middle = shift(rows.clamped(to: 0..<third), down: second)
      unsafe multiplyRows(of: job.w1, rows.clamped(to: 0..<second), job.input, into: job.y1)
      unsafe multiplyRows(of: job.w2, middle, job.input, into: job.y2)
      unsafe multiplyRows(of: job.w3, shift(rows, down: third), job.input, into: job.y3)
    }
  }

  /// The part of `rows` from `split` on, counted from `split`.
  private static func shift(_ rows: Range<Int>, down split: Int) -> Range<Int> {
    max(rows.lowerBound - split, 0)..<max(rows.upperBound - split, 0)
  }

  /// `y[r] = W[r]·x` for some rows, on this thread.
  @unsafe private static func multiplyRows(
    of w: WeightMatrix, _ rows: Range<Int>, _ input: VectorInput,
    into y: UnsafeMutablePointer<Float>
  ) {
    let x = unsafe input.x
    switch w.type {
    case .f32: unsafe floatRows(F32Format.self, w, rows, x, into: y)
    case .f16: unsafe floatRows(F16Format.self, w, rows, x, into: y)
    case .bf16: unsafe floatRows(BF16Format.self, w, rows, x, into: y)
    case .q8_0: unsafe quantizedRows(Q8_0Format.self, w, rows, input, into: y)
    case .q4_0: unsafe nibbleRows(Q4_0Format.self, w, rows, input, into: y)
    case .q4_1: unsafe nibbleRows(Q4_1Format.self, w, rows, input, into: y)
    case .q5_0: unsafe quantizedRows(Q5_0Format.self, w, rows, input, into: y)
    case .q5_1: unsafe quantizedRows(Q5_1Format.self, w, rows, input, into: y)
    }
  }

  /// Quantised rows: `columns` is a multiple of 32.
  @unsafe @inline(never)
  private static func quantizedRows<Format: QuantizedFormat>(
    _: Format.Type, _ w: WeightMatrix, _ rows: Range<Int>, _ input: VectorInput,
    into y: UnsafeMutablePointer<Float>
  ) {
    let blocks = w.columns / 32
    let masks = NibbleMasks(blocks: blocks)
    var row = rows.lowerBound
    while row < rows.upperBound {
      let p = unsafe w.base + row &* (blocks &* Format.bytes)
      var total = QuantizedSums()
      var block = 0
      while block < blocks {
        unsafe Format.accumulate(
          p + block &* Format.bytes, input.x + block &* 32, input.sums[2 &* block], masks: masks,
          to: &total)
        block &+= 1
      }
      unsafe y[row] = Format.product(total)
      row &+= 1
    }
  }

  /// Rows of nibbles, on their own so that each format is compiled once.
  @unsafe @inline(never)
  private static func nibbleRows<Format: NibbleFormat>(
    _: Format.Type, _ w: WeightMatrix, _ rows: Range<Int>, _ input: VectorInput,
    into y: UnsafeMutablePointer<Float>
  ) {
    unsafe Format.multiply(w, rows, input, into: y)
  }

  /// Float rows: four accumulators, then the columns that do not fill a block.
  @unsafe @inline(never)
  private static func floatRows<Format: FloatFormat>(
    _: Format.Type, _ w: WeightMatrix, _ rows: Range<Int>, _ x: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    let columns = w.columns
    var row = rows.lowerBound
    while row < rows.upperBound {
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

/// A vector, in the orders in which the types read it.
@unsafe struct VectorInput {
  let x: UnsafePointer<Float>
  /// As `PairedInput` arranges it, whether or not a matrix wants that.
  let paired: UnsafePointer<Float>
  /// The sum of every 32 elements, twice: what the quantised types' offsets are multiplied by.
  let sums: UnsafePointer<Float>
  /// 0, which the optimiser does not know.
  let zero: Int32

  /// All live as long as the vector, and until the scratch is next used.
  init(_ x: UnsafePointer<Float>, columns: Int, scratch: MatrixScratch) {
    let blocks = columns / 32
    let (sums, paired) = unsafe scratch.input(blocks: blocks)
    for block in 0..<blocks {
      let v = unsafe x + block &* 32
      let sum = unsafe ((load8(v) + load8(v + 8)) + (load8(v + 16) + load8(v + 24))).total
      unsafe sums[2 &* block] = sum
      unsafe sums[2 &* block &+ 1] = sum
    }
    unsafe PairedInput.arrange(x, blocks: blocks, into: paired)
    unsafe self.x = x
    unsafe self.paired = UnsafePointer(paired)
    unsafe self.sums = UnsafePointer(sums)
    unsafe zero = scratch.zero
  }
}
