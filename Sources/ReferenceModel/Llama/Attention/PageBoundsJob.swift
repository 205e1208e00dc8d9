import KVPolicyKit

/// Computes the bounds of a layer's pages before a reader asks for them: all threads read them, and
/// the reader's hook runs on one.
///
/// A page's bounds are Σ max(q · smallest, q · greatest) over the channels. Positive elements of a
/// query multiply greatest elements, and negative ones smallest elements. So a page's numbers are
/// like a key of twice the width, and its bound is a logit:
///
/// ```text
/// numbers of a page   smallest of channel 0, 1, …   greatest of channel 0, 1, …
/// a query             min(q₀, 0), min(q₁, 0), …     max(q₀, 0), max(q₁, 0), …
/// ```
@safe struct PageBoundsJob {
  // Why no access is out of bounds: a lane has at most `pages` pages, and `bounds` has room for
  // that many of every query head. `signed` has `2 × width` floats for every query head.

  /// Parts of a lane's pages, which threads divide.
  private static let parts = 4

  private let sequence: KVSequence
  private let team: ThreadTeam
  private let layer: Int
  private let width: Int
  /// Pages of the longest lane.
  private let pages: Int
  /// Every query as its negative and its positive elements.
  @unsafe private let signed: UnsafeMutablePointer<Float>
  @unsafe private let bounds: UnsafeMutablePointer<Float>

  /// Nil if no reader of the layer wants bounds.
  init?(_ session: LlamaSession, layer: Int, _ rows: TokenRows) {
    let sequence = session.sequence
    pages = (0..<sequence.store.shape.keyHeads).reduce(0) {
      max($0, sequence.boundedPages(layer: layer, head: $1))
    }
    guard pages > 0 else { return nil }
    (self.sequence, team, self.layer) = (sequence, session.model.team, layer)
    width = session.model.configuration.headDimension
    let heads = session.model.configuration.queryHeads
    unsafe bounds = rows.scratch.pageBounds.room(heads * (pages + 2 * width))
    unsafe signed = bounds + heads * pages
    for head in 0..<heads {
      let target = unsafe signed + head * 2 * width
      for channel in 0..<width {
        let element = unsafe rows.queries[head * width + channel]
        unsafe (target[channel], target[width + channel]) = (min(element, 0), max(element, 0))
      }
    }
  }

  func run(into signals: inout SignalBuffers) {
    let heads = sequence.store.shape.keyHeads
    team.share(heads * Self.parts, grain: 1, with: self) { job, _, items in
      for item in items { job.compute(head: item / Self.parts, part: item % Self.parts) }
    }
    unsafe signals.pageBounds = UnsafePointer(bounds)
    signals.pageStride = pages
  }

  /// Computes a part of a lane's bounds for the query heads of its group.
  private func compute(head: Int, part: Int) {
    let group = sequence.store.shape.group
    let queries = unsafe signed + head * group * 2 * width
    let target = unsafe bounds + head * group * pages
    unsafe sequence.withPageBounds(layer: layer, head: head) { numbers, count, format in
      let pages = count * part / Self.parts..<count * (part + 1) / Self.parts
      // Bounds are floats of 32 or 16 bits.
      let rows = unsafe BoundRows(base: numbers, bytes: 2 * width * (format == .f32 ? 4 : 2))
      if format == .f32 {
        unsafe Kernels.rowLogits(
          F32Format.self, queries, queryStride: 2 * width, group, rows, pages, depth: 2 * width,
          1, target, count)
      } else {
        unsafe Kernels.rowLogits(
          F16Format.self, queries, queryStride: 2 * width, group, rows, pages, depth: 2 * width,
          1, target, count)
      }
      for query in 0..<group {
        unsafe replaceFaults(target + query * count + pages.lowerBound, count: pages.count)
      }
    }
  }

  /// Replaces bounds that are no numbers by ∞: an infinite key can make such a sum, and its page is
  /// worth reading.
  @unsafe private func replaceFaults(_ bounds: UnsafeMutablePointer<Float>, count: Int) {
    // The compiler makes vectors of this loop, which it does not of a loop over a range.
    var index = 0
    while index < count {
      let bound = unsafe bounds[index]
      unsafe bounds[index] = bound == bound ? bound : .infinity
      index &+= 1
    }
  }
}

/// The numbers of a lane's pages, one page after the other.
@unsafe private struct BoundRows: @unsafe RowAddresses {
  let base: UnsafeRawPointer
  /// Bytes of a page's numbers.
  let bytes: Int

  @inline(__always)
  func key(_ row: Int) -> UnsafeRawPointer { unsafe base + row &* bytes }
  /// Bounds have no values.
  @inline(__always)
  func value(_ row: Int) -> UnsafeRawPointer { unsafe key(row) }
  /// Prefetches the numbers of pages that come eight pages later.
  @inline(__always)
  func prefetch(beside first: Int, count more: Int) {
    unsafe key(first &+ 8).ask(bytes: more &* bytes)
  }
}
