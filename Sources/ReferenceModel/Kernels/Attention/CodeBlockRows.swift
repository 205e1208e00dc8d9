import KVPolicyKit

/// A block of codes, read by the kernels of lanes: its rows are those of a lane with one page.
@unsafe struct CodeBlockRows {
  let block: UnsafeRawPointer
  let layout: CodeBlock

  /// Whether every group of channels begins with a whole byte, so that kernels can read it.
  var isAligned: Bool {
    unsafe layout.format.grouping == .ofChannel || layout.scales == 0
      || (layout.format.group * layout.storedBits).isMultiple(of: 8)
  }

  /// Lends the codes of some channels of every row as keys, or as values.
  @unsafe @inline(__always)
  func withRows(_ channels: Range<Int>, value: Bool, _ body: (LaneRows) -> Void) {
    let rows = CodedSide.placesPerBlock
    let bits = unsafe layout.scales == 0 ? (layout.isWide ? 32 : 16) : layout.storedBits
    let first = unsafe layout.codeOffset(row: 0) + channels.lowerBound * bits / 8
    // A page holds keys, then as many values; a block holds one of them. The address is computed
    // from where the page of such keys would begin, which nothing reads.
    let base = unsafe UnsafeMutableRawPointer(mutating: block) + first
      - (value ? rows * layout.rowBytes : 0)
    unsafe withUnsafePointer(to: Optional(base)) { page in
      var slot: Int32 = 0
      unsafe withUnsafePointer(to: &slot) { slots in
        unsafe body(
          LaneRows(
            count: rows, slots: slots, pages: page, pageRows: rows, headDimension: channels.count,
            format: layout.isWide ? .f32 : .f16, rowBytes: layout.rowBytes, isDense: true))
      }
    }
  }

  /// Scale and zero of a row's group.
  @unsafe @inline(__always)
  func scale(row: Int, group: Int) -> (scale: Float, zero: Float) {
    let line = unsafe block + layout.scaleOffset(row: row)
    return unsafe (layout.float(group, line), layout.float(layout.scales + group, line))
  }

  /// The logits of consecutive rows by their codes alone.
  @unsafe func logits(
    _ queries: UnsafePointer<Float>, _ group: Int, _ channels: Range<Int>, _ range: Range<Int>,
    _ scale: Float, _ logits: UnsafeMutablePointer<Float>, _ stride: Int
  ) {
    unsafe withRows(channels, value: false) { rows in
      guard unsafe layout.scales > 0 else {
        return unsafe Kernels.logits(
          queries: queries, group: group, rows: rows, range: range, scale: scale, into: logits,
          stride: stride)
      }
      switch unsafe layout.storedBits {
      case 2:
        unsafe Kernels.laneLogits(
          Codes2.self, queries, group, rows, range, scale, logits, stride)
      case 4:
        unsafe Kernels.laneLogits(
          Codes4.self, queries, group, rows, range, scale, logits, stride)
      default:
        unsafe Kernels.laneLogits(
          Codes8.self, queries, group, rows, range, scale, logits, stride)
      }
    }
  }

  /// Adds the codes of consecutive rows, each times its weight, to `out`.
  @unsafe func mix(
    _ weights: UnsafePointer<Float>, _ stride: Int, _ group: Int, _ channels: Range<Int>,
    _ range: Range<Int>, _ out: UnsafeMutablePointer<Float>
  ) {
    unsafe withRows(channels, value: true) { rows in
      guard unsafe layout.scales > 0 else {
        return unsafe Kernels.mixValues(
          weights: weights, stride: stride, group: group, rows: rows, range: range, adding: true,
          into: out)
      }
      switch unsafe layout.storedBits {
      case 2: unsafe Kernels.mixLane(Codes2.self, weights, stride, group, rows, range, out)
      case 4: unsafe Kernels.mixLane(Codes4.self, weights, stride, group, rows, range, out)
      default: unsafe Kernels.mixLane(Codes8.self, weights, stride, group, rows, range, out)
      }
    }
  }
}
