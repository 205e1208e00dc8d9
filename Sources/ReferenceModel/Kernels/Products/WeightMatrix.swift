/// A matrix of weights where the file has it: `rows × columns`, row-major, in its stored type.
///
/// Products read float matrices there, and quantised ones in panels, which `inPanels` makes.
///
/// The bytes are borrowed from a mapped file whose owner must outlive the matrix
/// (`owner` keeps it alive). `columns` is a multiple of the type's block size and the bytes were
/// checked to hold `rows × columns` elements when the matrix was made.
@safe package struct WeightMatrix: @unchecked Sendable {
  // @unchecked: the bytes are read-only for the life of `owner`, so any thread may read them.
  /// How its elements are stored.
  package let type: TensorType
  /// Outputs of a product with it.
  package let rows: Int
  /// Inputs of a product with it.
  package let columns: Int
  /// First byte of row 0; rows follow without padding, aligned to 2 bytes at best.
  @unsafe package let base: UnsafeRawPointer
  /// Keeps the mapping alive.
  package let owner: any AnyObject & Sendable
  /// The rows of a quantised matrix as products read them, once they are made.
  package private(set) var panels: WeightPanels?

  /// Describes bytes that hold `rows × columns` elements, checked by the caller.
  @unsafe package init(
    type: TensorType, rows: Int, columns: Int, base: UnsafeRawPointer,
    owner: any AnyObject & Sendable
  ) {
    self.type = type
    self.rows = rows
    self.columns = columns
    unsafe self.base = base
    self.owner = owner
  }

  /// The matrix, ready for products.
  package func inPanels(team: ThreadTeam) -> WeightMatrix {
    var copy = self
    if type.blockSize > 1 { copy.panels = WeightPanels(self, team: team) }
    return copy
  }

  /// Bytes of one row.
  package var rowBytes: Int { columns / type.blockSize * type.blockBytes }
}
