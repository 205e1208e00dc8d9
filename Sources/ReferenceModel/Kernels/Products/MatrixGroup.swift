/// One, two or three matrices that meet the same inputs, and where each one's products go.
///
/// Valid while the matrices live.
@unsafe package struct MatrixGroup {
  /// A matrix, and room for `rows` products of each input.
  package typealias Product = (w: WeightMatrix, y: UnsafeMutablePointer<Float>)
  /// The same, as products read it.
  typealias Member = (w: WeightRows, y: UnsafeMutablePointer<Float>)

  private let first: Member
  private let (second, third): (Member?, Member?)

  /// - Precondition: the matrices have as many columns.
  package init(_ first: Product, _ second: Product? = nil, _ third: Product? = nil) {
    unsafe precondition(
      (second?.w.columns ?? first.w.columns) == first.w.columns
        && (third?.w.columns ?? first.w.columns) == first.w.columns,
      "matrices with one input have as many columns")
    unsafe self.first = (WeightRows(first.w), first.y)
    unsafe self.second = second.map { unsafe (WeightRows($0.w), $0.y) }
    unsafe self.third = third.map { unsafe (WeightRows($0.w), $0.y) }
  }

  /// Inputs of every product.
  var columns: Int { unsafe first.w.columns }

  /// Whether a matrix is of such a type.
  func contains(_ isSuch: (TensorType) -> Bool) -> Bool {
    unsafe isSuch(first.w.type) || second.map { unsafe isSuch($0.w.type) } ?? false
      || third.map { unsafe isSuch($0.w.type) } ?? false
  }

  /// Items of all matrices, where one has `items`: what threads share out.
  @inline(__always)
  func total(_ items: (WeightRows) -> Int) -> Int {
    unsafe items(first.w) + (second.map { unsafe items($0.w) } ?? 0)
      + (third.map { unsafe items($0.w) } ?? 0)
  }

  /// Calls `body` with each matrix that has some of the items `range`, and which of its own these are.
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
