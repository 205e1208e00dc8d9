/// Unicode's composed form (NFC) of text that may contain broken UTF-8, in time linear in the text.
///
/// This is the algorithm of UAX #15. Most characters are stable: no character before them changes
/// with them, so they begin a stretch that composes by itself. A stretch of one stable character is
/// copied. Only a longer stretch, such as a letter with its marks, is decomposed, sorted and
/// composed. Foundation's own function takes quadratic time, and loses marks from 64 marks on.
enum Composition {
  /// Composes `bytes`. Bytes that are not UTF-8 stay unchanged, and no characters compose across
  /// them.
  static func compose(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    let bytes = Array(bytes)
    // No character below U+0300 (lead byte 0xCC) changes by itself or joins a character before it.
    guard bytes.contains(where: { $0 >= 0xCC }) else { return bytes }
    var composed: [UInt8] = []
    composed.reserveCapacity(bytes.count)
    // The bytes before `copied` are composed. The current stretch begins at `start`; `changes`
    // tells that it has an unstable character.
    var (copied, start, index) = (0, 0, 0)
    var changes = false
    func closeStretch() {
      guard changes else { return }
      composed += bytes[copied..<start]
      composed += compose(stretch: bytes[start..<index])
      (copied, changes) = (index, false)
    }
    while index < bytes.count {
      let (scalar, length, _) = UTF8Text.character(in: bytes, at: index)
      if let scalar, !CompositionTable.isStable(scalar) {
        changes = true
      } else {
        closeStretch()
        start = scalar == nil ? index + length : index
      }
      index += length
    }
    closeStretch()
    return composed + bytes[copied...]
  }

  /// Composes a stretch that begins with a stable character, or that nothing joins from the left.
  private static func compose(stretch: ArraySlice<UInt8>) -> [UInt8] {
    var decomposed: [Mark] = []
    for scalar in String(decoding: stretch, as: UTF8.self).unicodeScalars {
      for part in CompositionTable.decomposition(of: scalar) { decomposed.append(Mark(part)) }
    }
    sortMarks(&decomposed)
    var composed: [Unicode.Scalar] = []
    var starter: Int?
    // The class of the last character that no starter took in.
    var lastOrder: UInt8 = 0
    for mark in decomposed {
      if let starter, starter == composed.count - 1 || lastOrder < mark.order,
        let whole = CompositionTable.composite(composed[starter], mark.scalar)
      {
        composed[starter] = whole
        continue
      }
      if mark.order == 0 { starter = composed.count }
      lastOrder = mark.order
      composed.append(mark.scalar)
    }
    return composed.flatMap { Array(UTF8.encode($0) ?? UTF8.encodedReplacementCharacter) }
  }

  /// A character with its canonical combining class, 0 for a starter.
  private struct Mark {
    let scalar: Unicode.Scalar
    let order: UInt8

    init(_ scalar: Unicode.Scalar) {
      self.scalar = scalar
      order = scalar.properties.canonicalCombiningClass.rawValue
    }
  }

  /// Sorts each run of marks by class; marks of one class keep their order. There are few classes,
  /// so that one pass over the run for each class takes linear time.
  private static func sortMarks(_ marks: inout [Mark]) {
    var start = 0
    while let first = marks[start...].firstIndex(where: { $0.order != 0 }) {
      let stop = marks[first...].firstIndex { $0.order == 0 } ?? marks.endIndex
      let run = marks[first..<stop]
      if zip(run, run.dropFirst()).contains(where: { $0.order > $1.order }) {
        let orders = Set(run.map(\.order)).sorted()
        marks.replaceSubrange(
          first..<stop, with: orders.flatMap { order in run.filter { $0.order == order } })
      }
      start = stop
    }
  }
}
