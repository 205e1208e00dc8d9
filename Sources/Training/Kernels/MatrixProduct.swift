package import ReferenceModel

/// A matrix as a product reads it: as it lies in memory, or transposed.
@unsafe package struct Operand {
  let base: UnsafePointer<Float>
  let stride: Int
  let isTransposed: Bool

  /// Element (i, k) is `base[i × stride + k]`, or `base[k × stride + i]` of one that is transposed.
  package init(_ base: UnsafePointer<Float>, stride: Int, transposed: Bool = false) {
    unsafe self.base = unsafe base
    unsafe self.stride = stride
    unsafe isTransposed = transposed
  }
}

/// The sizes of a product: `rows × depth` times `depth × columns`.
package struct ProductShape: Sendable {
  let rows: Int
  let columns: Int
  let depth: Int

  /// Names the sizes.
  package init(rows: Int, columns: Int, depth: Int) {
    self.rows = rows
    self.columns = columns
    self.depth = depth
  }
}

/// Where a product goes: element (i, j) at `base[i × stride + j]`.
@unsafe package struct Target {
  let base: UnsafeMutablePointer<Float>
  let stride: Int
  let adds: Bool

  /// Overwrites what is there, or adds to it.
  package init(_ base: UnsafeMutablePointer<Float>, stride: Int, adding: Bool = false) {
    unsafe self.base = unsafe base
    unsafe self.stride = stride
    unsafe adds = adding
  }
}

/// `C = A·B` and `C += A·B` on a team's threads.
///
/// Blocks of C are shared out. For one of them, 256 elements of the inner dimension at a time, the rows
/// of A and panels of sixteen columns of B are copied to where they lie in the order of reading, and stay
/// in the second cache. Every element is a sum in the same order however C is cut, so results do not
/// depend on the number of threads.
package final class MatrixProduct {
  let team: ThreadTeam
  private let scratch: [FloatBuffer]
  /// Operations of the products on all threads so far.
  package private(set) var operations = 0.0
  /// Seconds they took.
  package private(set) var seconds = 0.0

  /// Products on `team`, one at a time.
  package init(team: ThreadTeam) {
    self.team = team
    scratch = (0..<team.threads).map { _ in FloatBuffer() }
  }

  /// The product on all threads. 2 · rows · columns · depth operations.
  @unsafe package func multiply(
    _ shape: ProductShape, _ a: Operand, _ b: Operand, into c: Target
  ) {
    let grid = ProductGrid(shape, threads: team.threads)
    let start = ContinuousClock.now
    team.share(grid.count, grain: 1) { thread, blocks in
      for block in blocks {
        unsafe ProductBlock(grid, block, depth: shape.depth, a, b, c).multiply(scratch[thread])
      }
    }
    seconds += (ContinuousClock.now - start) / .seconds(1)
    operations += 2 * Double(shape.rows) * Double(shape.columns) * Double(shape.depth)
  }

  /// The product on the calling thread, which is number `thread` of the team.
  @unsafe func multiply(
    _ shape: ProductShape, _ a: Operand, _ b: Operand, into c: Target, thread: Int
  ) {
    let grid = ProductGrid(shape, threads: 1)
    for block in 0..<grid.count {
      unsafe ProductBlock(grid, block, depth: shape.depth, a, b, c).multiply(scratch[thread])
    }
  }
}

/// How C is cut into blocks.
struct ProductGrid {
  /// So much of A and B, 256 deep, fits half of a second cache of one mebibyte.
  private static let (greatestRows, greatestColumns) = (240, 256)

  private let shape: ProductShape
  private var down: Int
  private var across: Int

  /// As few blocks as the caches allow, and about as many for every thread.
  init(_ shape: ProductShape, threads: Int) {
    self.shape = shape
    down = (shape.rows + Self.greatestRows - 1) / Self.greatestRows
    across = (shape.columns + Self.greatestColumns - 1) / Self.greatestColumns
    while count > 0, count % threads != 0, count < 8 * threads, grow() {}
  }

  var count: Int { down * across }

  /// Cuts once more along the longer side of a block; false when blocks are about to be single tiles.
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

  /// The rows and columns of block `index`; they begin with whole tiles, and either may be empty.
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
