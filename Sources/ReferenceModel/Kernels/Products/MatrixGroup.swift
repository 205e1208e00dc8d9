/// One, two or three matrices that are multiplied with the same inputs, and the buffers for their
/// products.
///
/// Valid while the matrices live.
@safe package struct MatrixGroup {
  /// A matrix, and room for `rows` products with each input.
  package typealias Product = (w: WeightMatrix, y: UnsafeMutablePointer<Float>)
  /// A matrix in the form that products read, and room for its products.
  typealias Member = (w: WeightRows, y: UnsafeMutablePointer<Float>)

  @unsafe private let first: Member
  @unsafe private let second: Member?
  @unsafe private let third: Member?

  /// Makes a set of up to three matrices.
  ///
  /// - Precondition: all matrices have the same number of columns.
  package init(_ first: Product, _ second: Product? = nil, _ third: Product? = nil) {
    unsafe precondition(
      (second?.w.columns ?? first.w.columns) == first.w.columns
        && (third?.w.columns ?? first.w.columns) == first.w.columns,
      "matrices with one input have as many columns")
    unsafe self.first = (WeightRows(first.w), first.y)
    unsafe self.second = second.map { unsafe (WeightRows($0.w), $0.y) }
    unsafe self.third = third.map { unsafe (WeightRows($0.w), $0.y) }
  }

  /// Number of columns of every matrix.
  var columns: Int { unsafe first.w.columns }

  /// Whether `isSuch` holds for the type of at least one matrix.
  func contains(_ isSuch: (TensorType) -> Bool) -> Bool {
    unsafe isSuch(first.w.type) || second.map { unsafe isSuch($0.w.type) } ?? false
      || third.map { unsafe isSuch($0.w.type) } ?? false
  }

  /// The sum of `items` over all matrices: the number of items that threads divide.
  @inline(__always)
  func total(_ items: (WeightRows) -> Int) -> Int {
    unsafe items(first.w) + (second.map { unsafe items($0.w) } ?? 0)
      + (third.map { unsafe items($0.w) } ?? 0)
  }

  /// Calls `body` with each matrix that has items in `range`, and with the range of these items
  /// counted within the matrix.
  @inline(__always)
  func forEachPart(
    of range: Range<Int>, _ items: (WeightRows) -> Int, _ body: (Member, Range<Int>) -> Void
  ) {
    var start = 0
    for number in 0..<3 {
      guard let member = unsafe number == 0 ? first : number == 1 ? second : third else { return }
      let end = unsafe start + items(member.w)
      let part = range.clamped(to: start..<end)
      if !part.isEmpty { unsafe body(member, part.lowerBound - start..<part.upperBound - start) }
      start = end
    }
  }
}
