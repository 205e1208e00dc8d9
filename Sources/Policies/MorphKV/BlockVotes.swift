import Foundation
import KVPolicyKit

/// The votes of ``MorphKV`` in bytes. This scheme is ours: the paper's votes are floats of each
/// voter and query head.
///
/// ```text
/// strength  f = max over the group's heads h of  p[h, row] / S[h]
///           S[h]: the sum of p[h, …] over the distant rows; for a row still in the window, S[h] + p[h, row]
/// vote      b = round(255·√f): one byte, cast once, when the voter is read
/// block     `block` consecutive voters share an entry: the greatest b, or the sum of their b² (32 bits)
/// joined    over the ⌈voters / block⌉ entries: the greatest, or the sum
/// ```
///
/// The joined votes of all blocks but the open block are kept in an entry of the ring, so a
/// decision reads two numbers per row.
///
/// The oldest block is cleared when a new block begins, so old votes expire, and between `voters −
/// block + 1` and `voters` queries vote. Votes are integers, so their sums are exact in any order.
struct BlockVotes: Sendable {
  let voters: Int
  let block: Int
  let fusion: MorphKV.Fusion
  /// Per layer: how many queries have voted.
  private var recorded: [Int] = []
  // The arrays below hold numbers for the rows of one lane, and are kept for their memory.
  private var strengths: [Float] = []
  private var joined: [UInt32] = []
  /// The most rows that the arrays had to hold: arrays that become shorter keep their memory.
  private var rows = 0

  init(
    _ settings: inout Settings, capacity: Int, fusion: MorphKV.Fusion
  ) throws(PolicyError) {
    self.fusion = fusion
    voters = try settings.rows(
      "voters", share: "votersShare", of: capacity, default: .rows(512), atLeast: 1,
      "blocks: last queries that vote")
    block = try settings.integer(
      "block", default: 32, atLeast: 1, "blocks: voters that share an entry")
  }

  /// The number of entries in the ring, and the number of voters that share an entry: a block is no
  /// longer than all voters.
  private var entries: Int { (voters + length - 1) / length }
  private var length: Int { min(block, voters) }

  /// The attention of the prompt's last queries and of every new token.
  var signals: Set<Signal> { [.promptRows(voters), .stepProbabilities] }
  /// One entry per block, and one entry for the joined votes of all blocks but the open block.
  var column: Column { .ring("votes", width: entries + 1, of: fusion == .max ? .byte : .count) }
  private var closed: Int { entries }
  var bytes: Int {
    recorded.count * 8 + rows * (4 + 4)
  }

  /// The prompt's last queries vote.
  mutating func prefill(_ layer: borrowing LayerView, horizon: Int32) {
    let first = number(layer)
    let last = first + layer.lane(0).promptRowCount - 1
    layer.forEachLane { lane in
      let near = VoteKernels.rows(of: lane.positions, from: horizon)
      strengths.reset(to: lane.count, -.infinity)
      var begin = first
      lane.forEachPromptRow { row in
        let number = first + row.index
        for head in 0..<lane.group {
          let sum = logSum(row, head, near: near, lane.positions, horizon)
          VoteKernels.fold(row.logits(head), minus: sum, into: &strengths)
        }
        // Rounding is monotonic: the greatest strength of a block gives its greatest vote, so under
        // `max` one rounding serves the whole block.
        guard fusion == .sum || (number + 1) % length == 0 || number == last else { return }
        VoteKernels.exponentials(&strengths)
        cast(from: begin, in: lane, horizon)
        strengths.reset(to: lane.count, -.infinity)
        begin = number + 1
      }
    }
    recorded[layer.layer] = last + 1
    // Steps need less room than a long prompt.
    (strengths, joined, rows) = ([], [], 0)
  }

  /// The logarithm of the sum of a query's exponentials over the distant rows: the sum over all
  /// rows without `near`, the rows in the window. Where the window has nearly all of the sum, the
  /// difference is too inexact, and the distant rows are summed directly.
  private func logSum(
    _ row: borrowing PromptRow, _ head: Int, near: [Int], _ positions: Span<Int32>, _ horizon: Int32
  ) -> Float {
    let all = row.logSum(head)
    var rest = 1 - VoteKernels.sum(row.logits(head), minus: all, of: near)
    if rest < 1e-3 {
      rest = VoteKernels.sum(row.logits(head), minus: all, positions, before: horizon)
    }
    return all + log(max(rest, 1e-30))
  }

  /// The new token votes.
  mutating func step(_ layer: borrowing LayerView, horizon: Int32) {
    let number = number(layer)
    layer.forEachLane { lane in
      rows = max(rows, lane.count)
      strengths.reset(to: lane.count, 0)
      for head in 0..<lane.group {
        let probabilities = lane.probabilities(head)
        let total = VoteKernels.sum(probabilities, lane.positions, before: horizon)
        VoteKernels.fold(probabilities, times: 1 / max(total, 1e-30), into: &strengths)
      }
      cast(from: number, in: lane, horizon)
    }
    recorded[layer.layer] = number + 1
  }

  /// The next voter's number in a layer.
  private mutating func number(_ layer: borrowing LayerView) -> Int {
    if recorded.isEmpty { recorded = Array(repeating: 0, count: layer.shape.layers) }
    return recorded[layer.layer]
  }

  /// Rounds the strengths to votes, and joins the votes to the block of voter `number`.
  private mutating func cast(from number: Int, in lane: borrowing LaneView, _ horizon: Int32) {
    let entry = number / length % entries
    let isNew = number % length == 0
    if isNew { close(lane, but: entry) }
    if fusion == .max {
      var votes = lane.mutableBytes(0, entry: entry)
      VoteKernels.cast(strengths, lane.positions, horizon, replacing: isNew, into: &votes)
    } else {
      var votes = lane.mutableCounts(0, entry: entry)
      VoteKernels.cast(strengths, lane.positions, horizon, replacing: isNew, into: &votes)
    }
  }

  /// Joins all blocks but `open`, the block that begins now, into the entry `closed`.
  private mutating func close(_ lane: borrowing LaneView, but open: Int) {
    joined.reset(to: lane.count, 0)
    if fusion == .max {
      for entry in 0..<entries where entry != open {
        VoteKernels.join(lane.bytes(0, entry: entry), into: &joined)
      }
      var target = lane.mutableBytes(0, entry: closed)
      for row in 0..<lane.count { target[row] = UInt8(truncatingIfNeeded: joined[row]) }
    } else {
      for entry in 0..<entries where entry != open {
        VoteKernels.join(lane.counts(0, entry: entry), into: &joined)
      }
      var target = lane.mutableCounts(0, entry: closed)
      for row in 0..<lane.count { target[row] = joined[row] }
    }
  }

  /// Sets `joined` to the joined votes of two entries.
  private mutating func join(first: Int, second: Int, of lane: borrowing LaneView) {
    joined.reset(to: lane.count, 0)
    if fusion == .max {
      VoteKernels.join(lane.bytes(0, entry: first), into: &joined)
      VoteKernels.join(lane.bytes(0, entry: second), into: &joined)
    } else {
      VoteKernels.join(lane.counts(0, entry: first), into: &joined)
      VoteKernels.join(lane.counts(0, entry: second), into: &joined)
    }
  }

  /// Keeps the `keep` rows with the most votes beside the rows that `stay` protects.
  mutating func evict(
    _ lane: borrowing LaneView, keeping keep: Int, _ stay: Protection, plan: inout CachePlan
  ) {
    rows = max(rows, lane.count)
    // Before the first vote, all entries are 0.
    let voted = recorded.isEmpty ? 0 : recorded[lane.id.layer]
    join(first: closed, second: max(0, voted - 1) / length % entries, of: lane)
    plan.keepBest(keep, of: lane, by: joined.span, protecting: stay)
  }
}

extension Array {
  /// Makes the array `length` copies of `number`, keeping its memory.
  fileprivate mutating func reset(to length: Int, _ number: Element) {
    if count > length { removeLast(count - length) }
    if count < length { append(contentsOf: repeatElement(number, count: length - count)) }
    unsafe withUnsafeMutableBufferPointer { unsafe $0.update(repeating: number) }
  }
}

/// The loops over a lane's rows, eight at a time.
private enum VoteKernels {
  // Every span and array of a call holds a number for each row, which the preconditions check;
  // `load` and `store` touch existing rows only.

  /// The sum over the rows before position `horizon`.
  static func sum(_ x: Span<Float>, _ positions: Span<Int32>, before horizon: Int32) -> Float {
    sum(x, positions, before: horizon, beyond: 0) { $0 }
  }

  @inline(__always)
  private static func sum(
    _ x: Span<Float>, _ positions: Span<Int32>, before horizon: Int32, beyond: Float,
    _ term: (SIMD8<Float>) -> SIMD8<Float>
  ) -> Float {
    precondition(positions.count == x.count)
    return unsafe x.withUnsafeBufferPointer { x in
      unsafe positions.withUnsafeBufferPointer { positions in
        guard let p = x.baseAddress, let places = positions.baseAddress else { return 0 }
        var total = SIMD8<Float>.zero
        for row in stride(from: 0, to: x.count, by: 8) {
          let value = term(unsafe Softmax.load(p, row, x.count, beyond: beyond))
          total += value.kept(where: unsafe isDistant(places, row, x.count, horizon))
        }
        return total.sum()
      }
    }
  }

  /// The rows at or after position `horizon`.
  static func rows(of positions: Span<Int32>, from horizon: Int32) -> [Int] {
    positions.indices.filter { positions[$0] >= horizon }
  }

  /// `Σ exp(z[row] − offset)` over `rows`.
  static func sum(_ z: Span<Float>, minus offset: Float, of rows: [Int]) -> Float {
    var total = SIMD8<Float>.zero
    for first in stride(from: 0, to: rows.count, by: 8) {
      var eight = SIMD8<Float>(repeating: -.infinity)
      for index in first..<min(first + 8, rows.count) { eight[index - first] = z[rows[index]] }
      total += exponential(eight - offset)
    }
    return total.sum()
  }

  /// `Σ exp(z[row] − offset)` over the rows before position `horizon`.
  static func sum(
    _ z: Span<Float>, minus offset: Float, _ positions: Span<Int32>, before horizon: Int32
  ) -> Float {
    sum(z, positions, before: horizon, beyond: -.infinity) { exponential($0 - offset) }
  }

  /// `x[row] = exp(x[row])`.
  static func exponentials(_ x: inout [Float]) {
    unsafe x.withUnsafeMutableBufferPointer { x in
      guard let p = x.baseAddress else { return }
      for row in stride(from: 0, to: x.count, by: 8) {
        unsafe Softmax.store(exponential(Softmax.load(p, row, x.count)), p, row, x.count)
      }
    }
  }

  /// `strengths[row] = max(strengths[row], z[row] − offset)`.
  static func fold(_ z: Span<Float>, minus offset: Float, into strengths: inout [Float]) {
    unsafe fold(z, into: &strengths) { $0 - offset }
  }

  /// `strengths[row] = max(strengths[row], x[row] · scale)`.
  static func fold(_ x: Span<Float>, times scale: Float, into strengths: inout [Float]) {
    unsafe fold(x, into: &strengths) { $0 * scale }
  }

  @unsafe @inline(__always)
  private static func fold(
    _ x: Span<Float>, into strengths: inout [Float],
    _ strength: (SIMD8<Float>) -> SIMD8<Float>
  ) {
    precondition(strengths.count == x.count)
    unsafe x.withUnsafeBufferPointer { x in
      unsafe strengths.withUnsafeMutableBufferPointer { strengths in
        guard let x = x.baseAddress, let target = strengths.baseAddress else { return }
        let count = strengths.count
        for row in stride(from: 0, to: count, by: 8) {
          let value = strength(unsafe Softmax.load(x, row, count))
          let old = unsafe Softmax.load(target, row, count)
          unsafe Softmax.store(old.replacing(with: value, where: value .> old), target, row, count)
        }
      }
    }
  }

  /// The votes of strengths: `round(255·√f)`. A strength r is a head's attention to the row divided
  /// by its attention to all distant rows. For a distant row f = r; a row in the window is not part
  /// of the divisor, and adding it gives f = r / (1 + r).
  @inline(__always)
  private static func votes(
    _ strength: SIMD8<Float>, isDistant: SIMD8<Int32>
  ) -> SIMD8<Int32> {
    var share = strength
    if isDistant.wrappedSum() != -8 {
      share = strength.kept(where: isDistant) + (strength / (1 + strength)).kept(where: ~isDistant)
    }
    share.replace(with: 1, where: share .> 1)
    // Adding 1.5·2²³ rounds to an integer, which is then in the low bits.
    let rounded = share.squareRoot() * 255 + 12_582_912
    // Both types have eight 32-bit elements, and every bit pattern is an integer.
    return unsafe unsafeBitCast(rounded, to: SIMD8<Int32>.self) & 255
  }

  /// Casts votes into bytes: each byte becomes the greater of its old value and the vote.
  static func cast(
    _ strengths: [Float], _ positions: Span<Int32>, _ horizon: Int32, replacing isNew: Bool,
    into votes: inout MutableSpan<UInt8>
  ) {
    precondition(positions.count == strengths.count && votes.count == strengths.count)
    unsafe votes.withUnsafeMutableBufferPointer { votes in
      each(strengths, positions, horizon) { row, cast in
        let count = strengths.count
        guard let target = votes.baseAddress else { return }
        let bytes = SIMD8<UInt8>(truncatingIfNeeded: cast)
        if row &+ 8 <= count {
          let place = unsafe UnsafeMutableRawPointer(target + row)
          var old = SIMD8<UInt8>.zero
          if !isNew { old = unsafe place.loadUnaligned(as: SIMD8<UInt8>.self) }
          let new = old.replacing(with: bytes, where: bytes .> old)
          unsafe place.storeBytes(of: new, as: SIMD8<UInt8>.self)
        } else {
          for index in row..<count {
            let old = unsafe isNew ? 0 : target[index]
            unsafe target[index] = max(old, bytes[index &- row])
          }
        }
      }
    }
  }

  /// Casts votes into counts: adds the square of each vote.
  static func cast(
    _ strengths: [Float], _ positions: Span<Int32>, _ horizon: Int32, replacing isNew: Bool,
    into votes: inout MutableSpan<UInt32>
  ) {
    precondition(positions.count == strengths.count && votes.count == strengths.count)
    unsafe votes.withUnsafeMutableBufferPointer { votes in
      each(strengths, positions, horizon) { row, cast in
        guard let target = votes.baseAddress else { return }
        for index in row..<min(row &+ 8, strengths.count) {
          let vote = UInt32(truncatingIfNeeded: cast[index &- row])
          // A count is at most 255² times the voters of a block. `block` may be up to 2³⁰, so a
          // count can overflow.
          let (sum, overflows) = (unsafe isNew ? 0 : target[index])
            .addingReportingOverflow(vote &* vote)
          unsafe target[index] = overflows ? .max : sum
        }
      }
    }
  }

  /// Calls `body` with the votes of eight rows at a time.
  @inline(__always)
  private static func each(
    _ strengths: [Float], _ positions: Span<Int32>, _ horizon: Int32,
    _ body: (Int, SIMD8<Int32>) -> Void
  ) {
    unsafe strengths.withUnsafeBufferPointer { strengths in
      unsafe positions.withUnsafeBufferPointer { positions in
        guard let x = strengths.baseAddress, let places = positions.baseAddress else { return }
        for row in stride(from: 0, to: strengths.count, by: 8) {
          let mask = unsafe isDistant(places, row, strengths.count, horizon)
          body(
            row,
            votes(unsafe Softmax.load(x, row, strengths.count, beyond: 0), isDistant: mask))
        }
      }
    }
  }

  // Loops over pointers, which the compiler vectorises; written with vector types they would not
  // stay vectors.

  /// Joins by the maximum.
  static func join(_ votes: Span<UInt8>, into greatest: inout [UInt32]) {
    precondition(votes.count == greatest.count)
    unsafe votes.withUnsafeBufferPointer { votes in
      unsafe greatest.withUnsafeMutableBufferPointer { greatest in
        guard let source = votes.baseAddress, let target = greatest.baseAddress else { return }
        let count = greatest.count
        var row = 0
        while row < count {
          let (here, best) = unsafe (UInt32(source[row]), target[row])
          unsafe target[row] = here > best ? here : best
          row &+= 1
        }
      }
    }
  }

  /// Joins by the sum, which saturates.
  static func join(_ votes: Span<UInt32>, into joined: inout [UInt32]) {
    precondition(votes.count == joined.count)
    unsafe votes.withUnsafeBufferPointer { votes in
      unsafe joined.withUnsafeMutableBufferPointer { joined in
        for row in 0..<joined.count {
          let sum = unsafe joined[row] &+ votes[row]
          unsafe joined[row] = unsafe sum < votes[row] ? .max : sum
        }
      }
    }
  }

  /// A mask with all bits set for those of eight rows whose positions are before `horizon`.
  /// `horizon` is so small that the differences cannot overflow. Elements at and after `count` are
  /// not set. The mask is made by arithmetic, because comparisons of integer vectors do not stay in
  /// vector registers.
  @unsafe @inline(__always)
  private static func isDistant(
    _ positions: UnsafePointer<Int32>, _ row: Int, _ count: Int, _ horizon: Int32
  ) -> SIMD8<Int32> {
    var places = SIMD8<Int32>(repeating: .max / 2)
    if row &+ 8 <= count {
      places = unsafe UnsafeRawPointer(positions + row).loadUnaligned(as: SIMD8<Int32>.self)
    } else {
      for index in row..<count { places[index &- row] = unsafe positions[index] }
    }
    return (places &- SIMD8(repeating: horizon)) &>> 31
  }
}

extension SIMD8<Float> {
  /// The numbers whose mask is set; 0 in place of all other numbers.
  @inline(__always)
  fileprivate func kept(where mask: SIMD8<Int32>) -> SIMD8<Float> {
    // Both types have eight 32-bit elements.
    unsafe unsafeBitCast(unsafeBitCast(self, to: SIMD8<Int32>.self) & mask, to: SIMD8<Float>.self)
  }
}
