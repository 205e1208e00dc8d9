import KVPolicyKit

extension Kernels {
  /// `Y = X·Wᵀ` for each of up to three matrices, with the few inputs of sequences that decode in a
  /// batch.
  ///
  /// `x` holds `count × columns` floats; each matrix has `count × rows` products.
  ///
  /// A panel of matrix rows at a time is read from memory once and multiplied with all inputs, up
  /// to four at once, while it is in the cache. An input's products do not depend on the number of
  /// other inputs. For quantised types they are summed in another order than the products of a
  /// single input.
  @unsafe package static func multiply(
    _ group: MatrixGroup, few x: UnsafePointer<Float>, count: Int, scratch: MatrixScratch,
    team: ThreadTeam
  ) {
    let inputs = unsafe VectorInputs(x, count: count, for: group, scratch)
    let runs = group.total { $0.runs }
    team.share(runs, grain: 1, with: (group: group, inputs: inputs)) { job, _, runs in
      unsafe job.group.forEachPart(of: runs, { $0.runs }) { member, runs in
        let products = unsafe FewInputs(w: member.w, inputs: job.inputs, y: member.y)
        for run in runs { unsafe products.multiply(run) }
      }
    }
  }
}

/// Products of one matrix, a panel of rows at a time; the code calls the rows of a panel a `run`.
@unsafe private struct FewInputs {
  // Why no access is out of bounds: matrix rows are below `w.rows` and inputs below `inputs.count`,
  // so every write is inside `y`.

  let w: WeightRows
  let inputs: VectorInputs
  let y: UnsafeMutablePointer<Float>

  func multiply(_ run: Int) {
    switch unsafe w.type {
    case .f32: unsafe multiply(F32Format.self, run)
    case .f16: unsafe multiply(F16Format.self, run)
    case .bf16: unsafe multiply(BF16Format.self, run)
    case .q8_0: unsafe multiply(Q8_0Panel.self, run)
    case .q4_0: unsafe multiply(Q4_0Panel.self, run)
    case .q4_1: unsafe multiply(Q4_1Panel.self, run)
    case .q5_0: unsafe multiply(Q5_0Panel.self, run)
    case .q5_1: unsafe multiply(Q5_1Panel.self, run)
    }
  }

  /// Rows of a float matrix, which are in the cache after the first input.
  private func multiply<Format: FloatFormat>(_: Format.Type, _ run: Int) {
    for number in unsafe 0..<inputs.count {
      unsafe Kernels.floatRows(
        Format.self, w, run..<run + 1, inputs.floats(number), into: y + number &* w.rows)
    }
  }

  /// Multiplies the inputs in batches of up to four, of nearly equal size: the sums of four inputs
  /// fit in the registers.
  @inline(never)
  private func multiply<Format: PanelFormat>(_: Format.Type, _ run: Int) {
    let panel = unsafe w.run(run)
    let blocks = unsafe w.columns / 32
    let groups = unsafe (inputs.count + 3) / 4
    for group in 0..<groups {
      let first = unsafe inputs.count &* group / groups
      let count = unsafe inputs.count &* (group &+ 1) / groups &- first
      let last = first &+ count &- 1
      let x = unsafe (
        inputs.panelInput(first, of: Format.type),
        inputs.panelInput(min(first &+ 1, last), of: Format.type),
        inputs.panelInput(min(first &+ 2, last), of: Format.type),
        inputs.panelInput(last, of: Format.type)
      )
      var products = PanelProducts()
      switch count {
      case 1: unsafe products.add(Format.self, panel, blocks: blocks, x, One.self)
      case 2: unsafe products.add(Format.self, panel, blocks: blocks, x, Two.self)
      case 3: unsafe products.add(Format.self, panel, blocks: blocks, x, Three.self)
      default: unsafe products.add(Format.self, panel, blocks: blocks, x, Four.self)
      }
      unsafe w.store(products.r0, run: run, to: y + first &* w.rows)
      if count > 1 { unsafe w.store(products.r1, run: run, to: y + (first &+ 1) &* w.rows) }
      if count > 2 { unsafe w.store(products.r2, run: run, to: y + (first &+ 2) &* w.rows) }
      if count > 3 { unsafe w.store(products.r3, run: run, to: y + (first &+ 3) &* w.rows) }
    }
  }
}

/// A number of inputs, as a type: a kernel is compiled for each number, without a branch.
private protocol InputCount { static var count: Int { get } }
private enum One: InputCount { @inline(__always) static var count: Int { 1 } }
private enum Two: InputCount { @inline(__always) static var count: Int { 2 } }
private enum Three: InputCount { @inline(__always) static var count: Int { 3 } }
private enum Four: InputCount { @inline(__always) static var count: Int { 4 } }

/// `W·x` of a panel's rows with up to four inputs. The weights are converted to floats once
/// for all inputs.
private struct PanelProducts {
  private(set) var r0 = (FloatVector.zero, FloatVector.zero)
  private(set) var r1 = (FloatVector.zero, FloatVector.zero)
  private(set) var r2 = (FloatVector.zero, FloatVector.zero)
  private(set) var r3 = (FloatVector.zero, FloatVector.zero)

  /// Adds all blocks of a panel as `PanelFormat` explains, with a single sum for `Σ q·x` of a
  /// block. Call it once, on zeros.
  @unsafe @inline(__always)
  mutating func add<Format: PanelFormat, Inputs: InputCount>(
    _: Format.Type, _ panel: UnsafeRawPointer, blocks: Int,
    _ inputs: (PanelInput, PanelInput, PanelInput, PanelInput), _: Inputs.Type
  ) {
    let count = Inputs.count
    let masks = NibbleMasks(zero: inputs.0.zero)
    let hasOffset = Format.type.hasOffset
    var p = unsafe panel
    for block in 0..<blocks {
      let (x0, x1) = unsafe (inputs.0.x + 32 &* block, inputs.1.x + 32 &* block)
      let (x2, x3) = unsafe (inputs.2.x + 32 &* block, inputs.3.x + 32 &* block)
      var (s0, s1) = (BlockSums(), BlockSums())
      var (s2, s3) = (BlockSums(), BlockSums())
      unsafe (p + Format.ahead).ask(bytes: Format.bytes)
      unsafe Format.forEachColumn(p + Format.headBytes, masks: masks) { place, _, a, b, _ in
        unsafe s0.add(a, b, x0[place])
        if count > 1 { unsafe s1.add(a, b, x1[place]) }
        if count > 2 { unsafe s2.add(a, b, x2[place]) }
        if count > 3 { unsafe s3.add(a, b, x3[place]) }
      }
      let d = unsafe Format.scales(p)
      let m = unsafe hasOffset ? Format.scales(p + 2 &* PanelShape.rows) : d
      unsafe s0.add(Format.bias, d, hasOffset ? m : nil, inputs.0.sums[block], to: &r0)
      if count > 1 {
        unsafe s1.add(Format.bias, d, hasOffset ? m : nil, inputs.1.sums[block], to: &r1)
      }
      if count > 2 {
        unsafe s2.add(Format.bias, d, hasOffset ? m : nil, inputs.2.sums[block], to: &r2)
      }
      if count > 3 {
        unsafe s3.add(Format.bias, d, hasOffset ? m : nil, inputs.3.sums[block], to: &r3)
      }
      unsafe p += Format.bytes
    }
  }
}

/// `Σ q·x` of one input over a block of a panel.
private struct BlockSums {
  private var low = FloatVector.zero
  private var high = FloatVector.zero

  @inline(__always)
  mutating func add(_ a: FloatVector, _ b: FloatVector, _ x: Float) {
    let inputs = FloatVector(repeating: x)
    (low, high) = (multiplyAdd(a, inputs, low), multiplyAdd(b, inputs, high))
  }

  /// Adds the block's part of the product: `d·(Σ q·x + bias·Σ x) + m·Σ x`.
  @inline(__always)
  func add(
    _ bias: Float, _ d: (FloatVector, FloatVector), _ m: (FloatVector, FloatVector)?, _ sum: Float,
    to product: inout (FloatVector, FloatVector)
  ) {
    var (low, high) = (low, high)
    if bias != 0 {
      let all = FloatVector(repeating: sum * bias)
      (low, high) = (low + all, high + all)
    }
    product = (multiplyAdd(low, d.0, product.0), multiplyAdd(high, d.1, product.1))
    if let m {
      let all = FloatVector(repeating: sum)
      product = (multiplyAdd(m.0, all, product.0), multiplyAdd(m.1, all, product.1))
    }
  }
}
