import Synchronization

/// The memory of matrix products: where each thread of a team unpacks a panel of weights when there are
/// many inputs, and what is made of a single one before it meets its matrices.
///
/// Made once per session: it grows to the widest matrix it meets, and nothing is allocated after
/// that. One product at a time uses it.
@safe package final class MatrixScratch {
  private let threads: Int
  private var columns = 0
  /// Per thread: the panel, `columns × 16` floats, then `16 × 32` floats of one block column.
  @unsafe private var floats: UnsafeMutablePointer<Float>?
  private let sums = FloatBuffer()
  private let nibbles = FloatBuffer()
  private let roundedBlocks = FloatBuffer()
  /// 0, which the optimiser does not know: see `NibbleMasks`.
  let zero: Int32

  /// Scratch for a team of `threads`.
  package init(threads: Int) {
    precondition(threads >= 1, "a team has at least one thread")
    self.threads = threads
    zero = Int32(truncatingIfNeeded: threads &>> 40)
    unsafe floats = nil
  }

  deinit { unsafe floats?.deallocate() }

  /// Makes room for matrices of up to `columns` columns, on a team of `threads` threads.
  package func reserve(columns: Int, threads: Int) {
    precondition(
      threads <= self.threads, "the scratch was made for fewer threads than the team has")
    guard columns > self.columns else { return }
    unsafe floats?.deallocate()
    self.columns = columns
    unsafe floats = .allocate(capacity: threadFloats * self.threads)
  }

  /// Room for what is made of a single input of `blocks · 32` elements: a sum of every block, and the
  /// elements in the order of nibbles.
  @unsafe func input(
    blocks: Int
  ) -> (sums: UnsafeMutablePointer<Float>, nibbles: UnsafeMutablePointer<Float>) {
    unsafe (sums.room(blocks), nibbles.room(32 * blocks))
  }

  /// Room for so many `RoundedBlock`s.
  @unsafe func rounded(blocks: Int) -> UnsafeMutableRawPointer {
    unsafe UnsafeMutableRawPointer(roundedBlocks.room(blocks * RoundedBlock.stride / 4))
  }

  /// The panel of `thread`, and its block column. `reserve` was called for the matrix.
  @unsafe func buffers(
    thread: Int
  ) -> (panel: UnsafeMutablePointer<Float>, block: UnsafeMutablePointer<Float>)? {
    guard let floats = unsafe floats else { return nil }
    let panel = unsafe floats + thread * threadFloats
    return unsafe (panel, panel + panelFloats)
  }

  /// Columns are rounded up to whole blocks of 32.
  private var panelFloats: Int { (columns + 31) / 32 * 32 * ProductTile.columns }
  private var threadFloats: Int { panelFloats + 32 * ProductTile.columns }
}
