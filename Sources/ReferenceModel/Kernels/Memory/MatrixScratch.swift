import Synchronization

/// The scratch memory of matrix products: per thread, an unpacked panel for products with
/// many inputs; and the rearranged or rounded inputs of a decode step.
///
/// Made once per session. It grows to the widest matrix it meets; after that nothing is allocated.
/// Only one product at a time may use it.
@safe package final class MatrixScratch {
  private let threads: Int
  private var columns = 0
  /// Per thread: the packed operand, `columns` times the rows of a panel, then as many floats for 32
  /// columns.
  @unsafe private var floats: UnsafeMutablePointer<Float>?
  private let sums = FloatBuffer()
  private let nibbles = FloatBuffer()
  private let roundedBlocks = FloatBuffer()
  /// Always 0, but the optimiser does not know: see `NibbleMasks`.
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

  /// Makes room for the rearranged input of `blocks · 32` elements: the sum of every block, and the
  /// elements in the order of nibbles.
  @unsafe func input(
    blocks: Int
  ) -> (sums: UnsafeMutablePointer<Float>, nibbles: UnsafeMutablePointer<Float>) {
    unsafe (sums.room(blocks), nibbles.room(32 * blocks))
  }

  /// Makes room for `blocks` values of `RoundedBlock`.
  @unsafe func rounded(blocks: Int) -> UnsafeMutableRawPointer {
    unsafe UnsafeMutableRawPointer(roundedBlocks.room(blocks * RoundedBlock.stride / 4))
  }

  /// The packed operand of `thread`, and its buffer for 32 columns; nil before `reserve` was called
  /// for a matrix.
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
