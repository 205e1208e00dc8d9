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
    team: ThreadTeam
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
    unsafe team.share(job.pairs, grain: 1, with: job) { job, _, pairs in
      unsafe job.multiply(pairs)
    }
  }
}

/// The work that threads divide: pairs of panels of matrix rows, one panel from the first
/// half of a matrix and one from the second half.
@unsafe private struct IntegerProducts {
  // Why no access is out of bounds: matrix rows are below a matrix's `rows` and inputs below
  // `count`, so every read is inside `x` and every write inside `y`.

  let group: MatrixGroup
  let x: UnsafePointer<Float>  // count × columns
  let rounded: UnsafeRawPointer  // count × columns / 32 blocks
  let count: Int
  /// Always 0, but the optimiser does not know: see `NibbleMasks`.
  let zero: Int32

  var pairs: Int { unsafe group.total { $0.pairs } }

  /// Multiplies some of the pairs of all matrices.
  func multiply(_ pairs: Range<Int>) {
    unsafe group.forEachPart(of: pairs, { $0.pairs }) { unsafe multiply($0, $1) }
  }

  private func multiply(_ member: MatrixGroup.Member, _ pairs: Range<Int>) {
    switch unsafe member.w.type {
    case .f32: unsafe multiply(F32Format.self, member, pairs)
    case .f16: unsafe multiply(F16Format.self, member, pairs)
    case .bf16: unsafe multiply(BF16Format.self, member, pairs)
    case .q8_0: unsafe multiply(Q8_0Panel.self, member, pairs)
    case .q4_0: unsafe multiply(Q4_0Panel.self, member, pairs)
    case .q4_1: unsafe multiply(Q4_1Panel.self, member, pairs)
    case .q5_0: unsafe multiply(Q5_0Panel.self, member, pairs)
    case .q5_1: unsafe multiply(Q5_1Panel.self, member, pairs)
    }
  }

  /// Rows of a float matrix, computed as in exact arithmetic.
  private func multiply<Format: FloatFormat>(
    _: Format.Type, _ member: MatrixGroup.Member, _ pairs: Range<Int>
  ) {
    let (w, y) = unsafe member
    let end = w.runs
    let partners =
      min(pairs.lowerBound + w.pairs, end)..<min(pairs.upperBound + w.pairs, end)
    for number in unsafe 0..<count {
      let (x, y) = unsafe (x + number &* w.columns, y + number &* w.rows)
      unsafe Kernels.floatRows(Format.self, w, pairs, x, into: y)
      unsafe Kernels.floatRows(Format.self, w, partners, x, into: y)
    }
  }

  @inline(never)
  private func multiply<Format: IntegerPanel>(
    _: Format.Type, _ member: MatrixGroup.Member, _ pairs: Range<Int>
  ) {
    let w = unsafe member.w
    let (half, end) = (w.pairs, w.runs)
    for pair in pairs {
      // With an odd number of panels, the middle panel is its own partner.
      let partner = pair &+ half < end ? pair &+ half : pair
      if unsafe count == 1 {
        unsafe multiply(Format.self, member, both: (pair, partner))
      } else {
        unsafe multiply(Format.self, member, panel: pair)
        if partner != pair { unsafe multiply(Format.self, member, panel: partner) }
      }
    }
  }

  /// Multiplies two panels with the only input.
  @inline(__always)
  private func multiply<Format: IntegerPanel>(
    _: Format.Type, _ member: MatrixGroup.Member, both: (Int, Int)
  ) {
    let blocks = unsafe member.w.columns / 32
    let products = unsafe Format.multiply(
      (member.w.run(both.0), member.w.run(both.1)), blocks: blocks,
      inputs(0, count: 1, blocks: blocks))
    unsafe member.w.store(products.0.r0, run: both.0, to: member.y)
    unsafe member.w.store(products.1.r0, run: both.1, to: member.y)
  }

  /// Multiplies a panel with all inputs, two or more, in batches of two to four inputs of nearly
  /// equal size: the sums of four inputs fit in the registers.
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
        case 2: unsafe Format.multiply(panel, blocks: blocks, x, count: 2)
        case 3: unsafe Format.multiply(panel, blocks: blocks, x, count: 3)
        default: unsafe Format.multiply(panel, blocks: blocks, x, count: 4)
        }
      let target = unsafe y + first &* w.rows
      unsafe w.store(products.r0, run: number, to: target)
      unsafe w.store(products.r1, run: number, to: target + w.rows)
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

extension WeightRows {
  /// Number of pairs of panels; one pair may lack its second half.
  fileprivate var pairs: Int { (runs + 1) / 2 }
}
