/// A weight matrix in a mapped file: `rows × columns`, row-major, in its stored type.
///
/// Products read float matrices in the file, and quantised matrices in the panels that `inPanels`
/// makes.
///
/// The bytes are borrowed from a mapped file, which `owner` keeps alive. `columns` is a multiple of
/// the type's block size. When the matrix was made, the bytes were checked to hold `rows × columns`
/// elements.
@safe package struct WeightMatrix: @unchecked Sendable {
  // @unchecked: the bytes are read-only for the life of `owner`, so any thread may read them.
  /// How the elements are stored.
  package let type: TensorType
  /// Number of rows: the outputs of a product.
  package let rows: Int
  /// Number of columns: the inputs of a product.
  package let columns: Int
  /// First byte of row 0; rows follow without padding, aligned to 2 bytes at best.
  @unsafe package let base: UnsafeRawPointer
  /// Keeps the mapping alive.
  package let owner: any AnyObject & Sendable
  /// The panels of a quantised matrix, once `inPanels` has made them.
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

  /// The matrix, ready for products: a quantised matrix gets its panels.
  package func inPanels(team: ThreadTeam) -> WeightMatrix {
    var copy = self
    if type.blockSize > 1 { copy.panels = WeightPanels(self, team: team) }
    return copy
  }

  /// Bytes of one row.
  package var rowBytes: Int { columns / type.blockSize * type.blockBytes }
}
