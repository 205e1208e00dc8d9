/// The rows of a quantised matrix in panels, as `PanelFormat` describes them, in newly allocated
/// memory.
///
/// They take as many bytes as in the file, plus the zeros that fill up the last panel.
@safe package final class WeightPanels: @unchecked Sendable {
  // @unchecked: threads write the panels before the initialiser returns, which waits for the
  // threads. Afterwards the panels are only read. Every panel is written within the memory that was
  // allocated for `panels` panels.
  /// Number of panels.
  let panels: Int
  /// First byte, 64-byte aligned.
  @unsafe let base: UnsafeMutableRawPointer
  private let panelBytes: Int

  /// Arranges the rows of `w`, which must be quantised.
  init(_ w: WeightMatrix, team: ThreadTeam) {
    precondition(w.type.blockSize > 1, "only quantised matrices are arranged in panels")
    panels = (w.rows + PanelShape.rows - 1) / PanelShape.rows
    panelBytes = PanelShape.rows * w.rowBytes
    unsafe base = .allocate(byteCount: max(panels * panelBytes, 1), alignment: 64)
    team.share(panels, grain: 4) { _, range in
      for panel in range { unsafe arrange(w, panel: panel) }
    }
  }

  deinit { unsafe base.deallocate() }

  @unsafe private func arrange(_ w: WeightMatrix, panel: Int) {
    let first = panel * PanelShape.rows
    let count = min(PanelShape.rows, w.rows - first)
    let target = unsafe base + panel * panelBytes
    if count < PanelShape.rows {
      unsafe target.initializeMemory(as: UInt8.self, repeating: 0, count: panelBytes)
    }
    for block in 0..<w.columns / w.type.blockSize {
      for row in 0..<count {
        unsafe arrange(
          w.base + (first + row) * w.rowBytes + block * w.type.blockBytes, of: w.type, row: row,
          into: target + block * PanelShape.rows * w.type.blockBytes)
      }
    }
  }

  /// Arranges one block of a row: its 16-bit numbers, then its 32-bit words or its bytes, each
  /// beside the corresponding number, word or byte of the other rows.
  @unsafe @inline(__always)
  private func arrange(
    _ source: UnsafeRawPointer, of type: TensorType, row: Int, into block: UnsafeMutableRawPointer
  ) {
    for offset in stride(from: 0, to: type.headBytes, by: 2) {
      let number = unsafe source.loadUnaligned(fromByteOffset: offset, as: UInt16.self)
      unsafe block.storeBytes(
        of: number, toByteOffset: PanelShape.rows * offset + 2 * row, as: UInt16.self)
    }
    let integers = unsafe source + type.headBytes
    let target = unsafe block + PanelShape.rows * type.headBytes
    let bytes = type.blockBytes - type.headBytes
    if type.isNibbles {
      for offset in stride(from: 0, to: bytes, by: 4) {
        let word = unsafe integers.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        unsafe target.storeBytes(
          of: word, toByteOffset: PanelShape.rows * offset + 4 * row, as: UInt32.self)
      }
    } else {
      for column in 0..<bytes {
        let byte = unsafe integers.load(fromByteOffset: column, as: UInt8.self)
        unsafe target.storeBytes(
          of: byte, toByteOffset: PanelShape.rows * column + row, as: UInt8.self)
      }
    }
  }
}
