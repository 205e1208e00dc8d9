import Foundation
import ReferenceModel
import Testing

/// The frequencies of a model with base 10000.
private func frequencies(_ count: Int) -> [Float] {
  (0..<count).map { 1 / Float(pow(10_000, Double($0) / Double(count))) }
}

@Test("a head is rotated by its angles", arguments: [8, 16, 20, 64, 80])
func rotation(headDimension: Int) {
  let half = headDimension / 2
  let inverse = frequencies(half)
  var table = RotaryTable(headDimension: headDimension, inverseFrequencies: inverse)
  table.prepare(0..<100)
  var numbers = Numbers(seed: 3)
  let x = numbers.floats(3 * headDimension)
  // Positions inside the table, at its end, and beyond it.
  for position in [0, 1, 99, table.prepared.upperBound - 1, table.prepared.upperBound, 5000] {
    for pairing in [RotaryPairing.halves, .interleaved] {
      let y = rotated(x, table, position: position, pairing: pairing)
      for head in 0..<3 {
        let range = head * headDimension..<(head + 1) * headDimension
        let expected = PlainKernels.rotate(
          Array(x[range]), position: position, inverseFrequencies: inverse
        ) { pairing == .halves ? ($0, $0 + half) : (2 * $0, 2 * $0 + 1) }
        expectClose(
          Array(y[range]), expected, scale: expected.map { _ in 1 },
          "position \(position), \(pairing)")
      }
    }
  }
}

@Test("a position gives the same bits whether or not the table holds it")
func preparedOrNot() {
  let empty = RotaryTable(headDimension: 64, inverseFrequencies: frequencies(32))
  var full = empty
  full.prepare(0..<1)
  #expect(full.prepared.count > 1 && empty.prepared.isEmpty)
  var numbers = Numbers(seed: 4)
  let x = numbers.floats(64)
  for pairing in [RotaryPairing.halves, .interleaved] {
    for position in full.prepared {
      #expect(
        rotated(x, empty, position: position, pairing: pairing)
          == rotated(x, full, position: position, pairing: pairing))
    }
  }
}

@Test("growing the table keeps what it held")
func growth() {
  var table = RotaryTable(headDimension: 16, inverseFrequencies: frequencies(8))
  table.prepare(0..<10)
  var numbers = Numbers(seed: 5)
  let x = numbers.floats(16)
  let before = rotated(x, table, position: 9, pairing: .halves)
  let held = table.prepared.upperBound
  table.prepare(0..<held + 1)
  #expect(table.prepared.upperBound > held)
  #expect(rotated(x, table, position: 9, pairing: .halves) == before)
}

@Test("a table that moves on holds what is asked for, and no more of it at a million tokens")
func window() {
  var table = RotaryTable(headDimension: 16, inverseFrequencies: frequencies(8))
  let empty = table
  var numbers = Numbers(seed: 7)
  let x = numbers.floats(16)
  table.prepare(0..<1)
  let size = table.prepared.count
  for position in [1, 1000, 1001, 1_000_000, 5] {
    table.prepare(position..<position + 1)
    #expect(table.prepared.contains(position) && table.prepared.count == size)
    // Positions before the window, in it and after it.
    for other in [0, position, position + 1, position + size] {
      #expect(
        rotated(x, table, position: other, pairing: .halves)
          == rotated(x, empty, position: other, pairing: .halves))
    }
  }
}

@Test("heads at places of their own turn as each would alone")
func ownPlaces() {
  var table = RotaryTable(headDimension: 16, inverseFrequencies: frequencies(8))
  table.prepare(0..<20)
  let places: [Int32] = [3, 0, 19, 7000, 3]
  var numbers = Numbers(seed: 8)
  let x = numbers.floats(16 * places.count)
  for pairing in [RotaryPairing.halves, .interleaved] {
    let together = computed(x.count) { y in
      for index in x.indices { unsafe y[index] = x[index] }
      unsafe places.withUnsafeBufferPointer { places in
        unsafe table.rotate(y, places: places, pairing: pairing)
      }
    }
    let alone = places.enumerated().flatMap { index, place in
      rotated(
        Array(x[index * 16..<(index + 1) * 16]), table, position: Int(place), pairing: pairing)
    }
    #expect(together == alone)
  }
}

@Test("turning back undoes a rotation")
func back() {
  var table = RotaryTable(headDimension: 32, inverseFrequencies: frequencies(16))
  table.prepare(0..<300)
  var numbers = Numbers(seed: 6)
  let x = numbers.floats(32)
  let there = rotated(x, table, position: 123, pairing: .halves)
  let again = rotated(there, table, position: -123, pairing: .halves)
  #expect(there != x)
  expectClose(again, x.map(Double.init), scale: x.map { _ in 1 }, "there and back")
}

@Test("elements past the frequencies stay, and the scale multiplies the others")
func partialAndScaled() {
  let table = RotaryTable(headDimension: 12, inverseFrequencies: [0, 0], attentionScale: 2)
  let x = (1...12).map(Float.init)
  let y = rotated(x, table, position: 7, pairing: .halves)
  #expect(y == [2, 4, 6, 8] + x[4...])
}

private func rotated(
  _ x: [Float], _ table: RotaryTable, position: Int, pairing: RotaryPairing
) -> [Float] {
  computed(x.count) { y in
    for index in x.indices { unsafe y[index] = x[index] }
    unsafe table.rotate(
      y, heads: x.count / table.headDimension, position: position, pairing: pairing)
  }
}
