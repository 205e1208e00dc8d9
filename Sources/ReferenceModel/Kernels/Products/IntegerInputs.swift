extension Kernels {
  /// `Y = X·Wᵀ` for each of up to three matrices, in integers where they are quantised: see
  /// `IntegerPanel`.
  ///
  /// An input's products depend neither on the number of threads nor on the other inputs.
  ///
  /// - Parameters:
  ///   - x: `count` inputs of `columns` floats each; each matrix has `count × rows` products.
  @unsafe package static func multiplyInIntegers(
    _ group: MatrixGroup, _ x: UnsafePointer<Float>, count: Int, scratch: MatrixScratch,
    team: ThreadTeam, beside errand: () -> Void = {}
  ) {
    let blocks = count &* (group.columns / 32)
    let rounded = unsafe scratch.rounded(blocks: blocks)
    // A step's few inputs take less time than handing them to another thread.
    let grain = max(blocks / team.threads, 1024)
    unsafe team.share(blocks, grain: grain, with: (x, rounded)) { job, _, blocks in
      for block in blocks {
        unsafe RoundedBlock.round(job.0 + 32 &* block, into: job.1 + RoundedBlock.stride &* block)
      }
    }
    let job = unsafe IntegerProducts(
      group: group, x: x, rounded: UnsafeRawPointer(rounded), count: count, zero: scratch.zero)
    unsafe team.share(job.runs, grain: 1, with: job, beside: errand) { job, _, runs in
      unsafe job.multiply(runs)
    }
  }
}

/// The work that threads divide: panels of matrix rows; the code calls the rows of a panel a `run`.
@unsafe private struct IntegerProducts {
  // Why no access is out of bounds: matrix rows are below a matrix's `rows` and inputs below
  // `count`, so every read is inside `x` and every write inside `y`.

  let group: MatrixGroup
  let x: UnsafePointer<Float>  // count × columns
  let rounded: UnsafeRawPointer  // count × columns / 32 blocks
  let count: Int
  /// Always 0, but the optimiser does not know: see `NibbleMasks`.
  let zero: Int32

  var runs: Int { unsafe group.total { $0.runs } }

  /// Multiplies some of the panels of all matrices.
  func multiply(_ runs: Range<Int>) {
    unsafe group.forEachPart(of: runs, { $0.runs }) { unsafe multiply($0, $1) }
  }

  private func multiply(_ member: MatrixGroup.Member, _ runs: Range<Int>) {
    switch unsafe member.w.type {
    case .f32: unsafe multiply(F32Format.self, member, runs)
    case .f16: unsafe multiply(F16Format.self, member, runs)
    case .bf16: unsafe multiply(BF16Format.self, member, runs)
    case .q8_0: unsafe multiply(Q8_0Panel.self, member, runs)
    case .q4_0: unsafe multiply(Q4_0Panel.self, member, runs)
    case .q4_1: unsafe multiply(Q4_1Panel.self, member, runs)
    case .q5_0: unsafe multiply(Q5_0Panel.self, member, runs)
    case .q5_1: unsafe multiply(Q5_1Panel.self, member, runs)
    }
  }

  /// Rows of a float matrix, computed as in exact arithmetic.
  private func multiply<Format: FloatFormat>(
    _: Format.Type, _ member: MatrixGroup.Member, _ runs: Range<Int>
  ) {
    let (w, y) = unsafe member
    for number in unsafe 0..<count {
      unsafe Kernels.floatRows(
        Format.self, w, runs, x + number &* w.columns, into: y + number &* w.rows)
    }
  }

  @inline(never)
  private func multiply<Format: IntegerPanel>(
    _: Format.Type, _ member: MatrixGroup.Member, _ runs: Range<Int>
  ) {
    for run in runs { unsafe multiply(Format.self, member, panel: run) }
  }

  /// Multiplies a panel with all inputs, in batches of up to four inputs of nearly equal size: the
  /// sums of four inputs fit in the registers.
  @inline(__always)
  private func multiply<Format: IntegerPanel>(
    _: Format.Type, _ member: MatrixGroup.Member, panel number: Int
  ) {
    let (w, y) = unsafe member
    let (panel, blocks) = unsafe (w.run(number), w.columns / 32)
    let groups = unsafe (count + 3) / 4
    for group in 0..<groups {
      let first = unsafe count &* group / groups
      let size = unsafe count &* (group &+ 1) / groups &- first
      let x = unsafe inputs(first, count: size, blocks: blocks)
      let products =
        switch size {
        case 1: unsafe Format.multiply(panel, blocks: blocks, x, count: 1)
        case 2: unsafe Format.multiply(panel, blocks: blocks, x, count: 2)
        case 3: unsafe Format.multiply(panel, blocks: blocks, x, count: 3)
        default: unsafe Format.multiply(panel, blocks: blocks, x, count: 4)
        }
      let target = unsafe y + first &* w.rows
      unsafe w.store(products.r0, run: number, to: target)
      if size > 1 { unsafe w.store(products.r1, run: number, to: target + w.rows) }
      if size > 2 { unsafe w.store(products.r2, run: number, to: target + 2 &* w.rows) }
      if size > 3 { unsafe w.store(products.r3, run: number, to: target + 3 &* w.rows) }
    }
  }

  /// The first blocks of `count` inputs from `first` on. Missing inputs repeat the last input.
  @inline(__always)
  private func inputs(_ first: Int, count: Int, blocks: Int) -> RoundedInputs {
    let bytes = RoundedBlock.stride &* blocks
    let x = unsafe rounded + bytes &* first
    let last = count &- 1
    return unsafe RoundedInputs(
      x0: x, x1: x + bytes &* min(1, last), x2: x + bytes &* min(2, last),
      x3: x + bytes &* last, zero: zero)
  }
}
