import KVPolicyKit

extension Kernels {
  /// `Y = X·Wᵀ` for each of up to three matrices, with the few inputs of sequences that decode in a
  /// batch.
  ///
  /// `x` holds `count × columns` floats; each matrix has `count × rows` products.
  ///
  /// A panel of matrix rows at a time is read from memory once and multiplied with all inputs, some
  /// at once (`InputTile`), while it is in the cache. An input's products do not depend on the
  /// number of other inputs. For quantised types they are summed in another order than the products
  /// of a single input.
  ///
  /// - Parameter errand: what the caller does while other threads multiply.
  @unsafe package static func multiply(
    _ group: MatrixGroup, few x: UnsafePointer<Float>, count: Int, scratch: MatrixScratch,
    team: ThreadTeam, beside errand: () -> Void = {}
  ) {
    let inputs = unsafe VectorInputs(x, count: count, for: group, scratch)
    let runs = group.total { $0.runs }
    let job = (group: group, inputs: inputs)
    team.share(runs, grain: 1, with: job, beside: errand) { job, _, runs in
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

  /// Multiplies the inputs in tiles: as many inputs at once as have their sums in registers, which
  /// are eight with the 32 registers of AVX-512, else four. The weights are converted to floats
  /// once for a tile.
  @inline(never)
  private func multiply<Format: PanelFormat>(_: Format.Type, _ run: Int) {
    var first = 0
    while unsafe first < inputs.count {
      let rest = unsafe inputs.count &- first
      if rest >= 8 && vectorWidth == 16 {
        first &+= unsafe multiply(Format.self, run, first, Pair<Four, Four>.self)
      } else if rest >= 4 {
        first &+= unsafe multiply(Format.self, run, first, Four.self)
      } else if rest == 3 {
        first &+= unsafe multiply(Format.self, run, first, Pair<Two, SingleInput>.self)
      } else if rest == 2 {
        first &+= unsafe multiply(Format.self, run, first, Two.self)
      } else {
        first &+= unsafe multiply(Format.self, run, first, SingleInput.self)
      }
    }
  }

  private typealias Two = Pair<SingleInput, SingleInput>
  private typealias Four = Pair<Two, Two>

  /// Multiplies a tile's inputs, from `first` on, with a panel; returns how many they are.
  @inline(__always)
  private func multiply<Format: PanelFormat, Tile: InputTile>(
    _: Format.Type, _ run: Int, _ first: Int, _: Tile.Type
  ) -> Int {
    var tile = unsafe Tile(inputs, first, of: Format.type)
    let masks = unsafe NibbleMasks(zero: inputs.panelInput(first, of: Format.type).zero)
    let hasOffset = Format.type.hasOffset
    var p = unsafe w.run(run)
    for block in unsafe 0..<w.columns / 32 {
      unsafe (p + Format.ahead).ask(bytes: Format.bytes)
      unsafe Format.forEachColumn(p + Format.headBytes, masks: masks) { place, _, a, b, _ in
        tile.add(a, b, at: 32 &* block &+ place)
      }
      let d = unsafe Format.scales(p)
      tile.end(block, bias: Format.bias, d)
      if hasOffset {
        unsafe tile.addOffsets(block, Format.scales(p + 2 &* PanelShape.rows))
      }
      unsafe p += Format.bytes
    }
    unsafe tile.store(w, run: run, to: y + first &* w.rows)
    return Tile.count
  }
}

/// Some inputs and their products with a panel's rows. A tile of several inputs is a pair of tiles:
/// the compiler then sees every sum as a variable, and keeps it in a register.
private protocol InputTile {
  /// Number of inputs.
  static var count: Int { get }
  /// Begins with products of 0 for the inputs from number `first` on.
  init(_ inputs: VectorInputs, _ first: Int, of type: TensorType)
  /// Adds a column's integers, for the panel's rows in two registers, times the inputs' elements.
  mutating func add(_ a: FloatVector, _ b: FloatVector, at element: Int)
  /// Adds a block's part of the products: `d·(Σ q·x + bias·Σ x)`, as `PanelFormat` explains.
  mutating func end(_ block: Int, bias: Float, _ d: (FloatVector, FloatVector))
  /// Adds the offsets' part of a block's products: `m·Σ x`.
  mutating func addOffsets(_ block: Int, _ m: (FloatVector, FloatVector))
  /// Writes the products of each input to `y`, `w.rows` floats apart.
  @unsafe func store(_ w: WeightRows, run: Int, to y: UnsafeMutablePointer<Float>)
}

private struct Pair<First: InputTile, Second: InputTile>: InputTile {
  @inline(__always) static var count: Int { First.count &+ Second.count }
  private var first: First
  private var second: Second

  @inline(__always)
  init(_ inputs: VectorInputs, _ number: Int, of type: TensorType) {
    first = First(inputs, number, of: type)
    second = Second(inputs, number &+ First.count, of: type)
  }

  @inline(__always)
  mutating func add(_ a: FloatVector, _ b: FloatVector, at element: Int) {
    first.add(a, b, at: element)
    second.add(a, b, at: element)
  }

  @inline(__always)
  mutating func end(_ block: Int, bias: Float, _ d: (FloatVector, FloatVector)) {
    first.end(block, bias: bias, d)
    second.end(block, bias: bias, d)
  }

  @inline(__always)
  mutating func addOffsets(_ block: Int, _ m: (FloatVector, FloatVector)) {
    first.addOffsets(block, m)
    second.addOffsets(block, m)
  }

  @unsafe @inline(__always)
  func store(_ w: WeightRows, run: Int, to y: UnsafeMutablePointer<Float>) {
    unsafe first.store(w, run: run, to: y)
    unsafe second.store(w, run: run, to: y + First.count &* w.rows)
  }
}

@safe private struct SingleInput: InputTile {
  // Elements and blocks are those of the matrix, which the input has too.
  @inline(__always) static var count: Int { 1 }
  private let input: PanelInput
  /// `Σ q·x` of the block.
  private var (low, high) = (FloatVector.zero, FloatVector.zero)
  private var product = (FloatVector.zero, FloatVector.zero)

  @inline(__always)
  init(_ inputs: VectorInputs, _ first: Int, of type: TensorType) {
    input = inputs.panelInput(first, of: type)
  }

  @inline(__always)
  mutating func add(_ a: FloatVector, _ b: FloatVector, at element: Int) {
    let x = unsafe FloatVector(repeating: input.x[element])
    (low, high) = (multiplyAdd(a, x, low), multiplyAdd(b, x, high))
  }

  @inline(__always)
  mutating func end(_ block: Int, bias: Float, _ d: (FloatVector, FloatVector)) {
    if bias != 0 {
      let all = unsafe FloatVector(repeating: input.sums[block] * bias)
      (low, high) = (low + all, high + all)
    }
    product = (multiplyAdd(low, d.0, product.0), multiplyAdd(high, d.1, product.1))
    (low, high) = (.zero, .zero)
  }

  @inline(__always)
  mutating func addOffsets(_ block: Int, _ m: (FloatVector, FloatVector)) {
    let sum = unsafe FloatVector(repeating: input.sums[block])
    product = (multiplyAdd(m.0, sum, product.0), multiplyAdd(m.1, sum, product.1))
  }

  @unsafe @inline(__always)
  func store(_ w: WeightRows, run: Int, to y: UnsafeMutablePointer<Float>) {
    unsafe w.store(product, run: run, to: y)
  }
}
