/// A weight matrix as products read it, a panel of rows at a time; the code calls these rows a
/// `run`. Borrowed: valid while its `WeightMatrix` lives.
///
/// It holds no reference, so that threads with parts of one product count no references. Otherwise
/// they would all update the count in one cache line at every panel, a third of a microsecond's
/// work, and wait for each other there.
@safe struct WeightRows {
  let type: TensorType
  /// Outputs and inputs of a product.
  let (rows, columns): (Int, Int)
  /// The rows in the file, or the panels of a quantised matrix.
  @unsafe private let base: UnsafeRawPointer
  private let runBytes: Int

  init(_ w: WeightMatrix) {
    type = w.type
    (rows, columns) = (w.rows, w.columns)
    runBytes = PanelShape.rows * w.rowBytes
    if w.type.blockSize == 1 {
      unsafe base = w.base
    } else if let panels = w.panels {
      unsafe base = UnsafeRawPointer(panels.base)
    } else {
      // A mistake in the engine's code: a model puts its matrices into panels when it is made.
      preconditionFailure("a quantised matrix is brought into panels before it is multiplied")
    }
  }

  /// Number of runs, which threads divide. The last may be shorter.
  var runs: Int { (rows + PanelShape.rows - 1) / PanelShape.rows }

  /// First byte of a run of a float matrix, or of a panel.
  @inline(__always)
  func run(_ index: Int) -> UnsafeRawPointer { unsafe base + index &* runBytes }

  /// Writes the products of a run with one input to the input's products at `y`. The last run
  /// may be shorter.
  @inline(__always)
  func store(_ products: (FloatVector, FloatVector), run: Int, to y: UnsafeMutablePointer<Float>) {
    let first = run &* PanelShape.rows
    let count = rows &- first
    if count >= PanelShape.rows {
      unsafe storeVector(products.0, y + first)
      unsafe storeVector(products.1, y + (first &+ vectorWidth))
    } else {
      unsafe storeVector(products.0, y + first, count: min(count, vectorWidth))
      unsafe storeVector(
        products.1, y + (first &+ vectorWidth), count: max(count &- vectorWidth, 0))
    }
  }
}
