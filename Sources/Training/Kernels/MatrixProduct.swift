package import ReferenceModel

/// An operand of a product: a matrix in memory, or its transpose.
@safe package struct Operand {
  @unsafe let base: UnsafePointer<Float>
  let stride: Int
  let isTransposed: Bool

  /// Element (i, k) is `base[i × stride + k]`, or `base[k × stride + i]` for a transposed operand.
  package init(_ base: UnsafePointer<Float>, stride: Int, transposed: Bool = false) {
    unsafe self.base = unsafe base
    self.stride = stride
    isTransposed = transposed
  }
}

/// The sizes of a product: `rows × depth` times `depth × columns`.
package struct ProductShape: Sendable {
  let rows: Int
  let columns: Int
  let depth: Int

  /// The sizes of a product.
  package init(rows: Int, columns: Int, depth: Int) {
    self.rows = rows
    self.columns = columns
    self.depth = depth
  }
}

/// The destination of a product: element (i, j) at `base[i × stride + j]`.
@safe package struct Target {
  @unsafe let base: UnsafeMutablePointer<Float>
  let stride: Int
  let adds: Bool

  /// A destination that is overwritten or, with `adding`, added to.
  package init(_ base: UnsafeMutablePointer<Float>, stride: Int, adding: Bool = false) {
    unsafe self.base = unsafe base
    self.stride = stride
    adds = adding
  }
}

/// `C = A·B` and `C += A·B` on a team's threads.
///
/// Threads share blocks of C. For a block, 256 elements of the inner dimension at a time, the
/// matrix rows of A and slices of B as wide as a tile are packed in the order of reading, so that
/// they stay in the second-level cache. Every element is summed in the same order for any division
/// of C, so results do not depend on the number of threads.
package final class MatrixProduct {
  let team: ThreadTeam
  private let scratch: [FloatBuffer]
  /// The operations of all products on all threads so far.
  package private(set) var operations = 0.0
  /// The seconds these products took.
  package private(set) var seconds = 0.0

  /// Products on `team`, one product at a time.
  package init(team: ThreadTeam) {
    self.team = team
    scratch = (0..<team.threads).map { _ in FloatBuffer() }
  }

  /// Multiplies on all threads. Takes 2 · rows · columns · depth operations.
  @unsafe package func multiply(
    _ shape: ProductShape, _ a: Operand, _ b: Operand, into c: Target
  ) {
    let grid = ProductGrid(shape, threads: team.threads)
    let start = ContinuousClock.now
    team.share(grid.count, grain: 1) { thread, blocks in
      for block in blocks {
        ProductBlock(grid, block, depth: shape.depth, a, b, c).multiply(scratch[thread])
      }
    }
    seconds += (ContinuousClock.now - start) / .seconds(1)
    operations += 2 * Double(shape.rows) * Double(shape.columns) * Double(shape.depth)
  }

  /// Multiplies on the calling thread, which is number `thread` of the team.
  @unsafe func multiply(
    _ shape: ProductShape, _ a: Operand, _ b: Operand, into c: Target, thread: Int
  ) {
    let grid = ProductGrid(shape, threads: 1)
    for block in 0..<grid.count {
      ProductBlock(grid, block, depth: shape.depth, a, b, c).multiply(scratch[thread])
    }
  }
}

/// The division of C into blocks.
struct ProductGrid {
  /// Packed operands of this size, 256 deep, fit half of a second-level cache of one mebibyte.
  private static let (greatestRows, greatestColumns) = (240, 256)

  private let shape: ProductShape
  private var down: Int
  private var across: Int

  /// As few blocks as the caches allow, in about equal numbers for every thread.
  init(_ shape: ProductShape, threads: Int) {
    self.shape = shape
    down = (shape.rows + Self.greatestRows - 1) / Self.greatestRows
    across = (shape.columns + Self.greatestColumns - 1) / Self.greatestColumns
    while count > 0, count % threads != 0, count < 8 * threads, grow() {}
  }

  var count: Int { down * across }

  /// Divides once more along the longer side of a block; false when blocks would become single
  /// tiles.
  private mutating func grow() -> Bool {
    let (height, width) = (shape.rows / down, shape.columns / across)
    if height >= width, height > 2 * ProductTile.rows {
      down += 1
    } else if width > 2 * ProductTile.columns {
      across += 1
    } else {
      return false
    }
    return true
  }

  /// The rows and columns of block `index`. Both begin at a whole tile, and either may be empty.
  func block(_ index: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    (
      Self.part(index / across, of: down, shape.rows, unit: ProductTile.rows),
      Self.part(index % across, of: across, shape.columns, unit: ProductTile.columns)
    )
  }

  private static func part(_ index: Int, of parts: Int, _ count: Int, unit: Int) -> Range<Int> {
    let units = (count + unit - 1) / unit
    return min(count, units * index / parts * unit)..<min(count, units * (index + 1) / parts * unit)
  }
}
