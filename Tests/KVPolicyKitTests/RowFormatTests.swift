import KVPolicyKit
import KVPolicyTesting
import Testing

extension RowFormat {
  /// The values that a row of these floats reads back as, by the definition of the format.
  func rounding(_ row: [Float]) -> [Float] {
    switch self {
    case .f32: row
    case .f16: row.map { Float(Float16($0)) }
    case .q8_0:
      stride(from: 0, to: row.count, by: 32).flatMap { first in
        let block = row[first..<first + 32]
        let scale = Float(Float16((block.map(abs).max() ?? 0) / 127))
        let inverse = scale == 0 ? 0 : 1 / scale
        return block.map { scale * min(127, max(-127, ($0 * inverse).rounded(.toNearestOrEven))) }
      }
    }
  }

  /// Floats after being stored in a row and read back.
  fileprivate func stored(_ row: [Float]) throws -> [Float] {
    let bytes = try rowBytes(headDimension: row.count)
    // An odd address, because rows follow one another without gaps.
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes + 1, alignment: 64)
    defer { unsafe memory.deallocate() }
    unsafe encode(row, count: row.count, to: memory + 1)
    return (0..<row.count).map { unsafe element($0, of: memory + 1) }
  }
}

@Suite("A row format") struct RowFormatTests {
  @Test("takes its bytes and no more: 34 for a block of 32 in q8_0")
  func bytes() throws {
    #expect(try RowFormat.f32.rowBytes(headDimension: 80) == 320)
    #expect(try RowFormat.f16.rowBytes(headDimension: 80) == 160)
    #expect(try RowFormat.q8_0.rowBytes(headDimension: 64) == 68)
    let shape = CacheShape(layers: 1, keyHeads: 1, queryHeads: 1, headDimension: 64)
    let store = try PagedKVStore(shape: shape, configuration: StoreConfiguration(format: .q8_0))
    #expect(store.pageBytes == 2 * 16 * 68)
    #expect(store.bytesPerToken == 136)
  }

  @Test("in blocks refuses a head dimension that is no multiple of them", arguments: [1, 16, 80])
  func badWidth(headDimension: Int) {
    let shape = CacheShape(layers: 1, keyHeads: 1, queryHeads: 1, headDimension: headDimension)
    #expect(
      throws: StoreError.badSetting(
        "rows in q8_0 need a head dimension that is a multiple of 32, and this one is "
          + "\(headDimension); use f16 or f32")
    ) {
      try PagedKVStore(shape: shape, configuration: StoreConfiguration(format: .q8_0))
    }
  }

  @Test(
    "reads as its definition says, whatever the sizes of the floats", arguments: RowFormat.allCases)
  func definition(format: RowFormat) throws {
    var numbers = SplitMix64(seed: 8)
    for exponent in -40...20 {
      let size = Float(sign: .plus, exponent: exponent, significand: 1)
      for width in [32, 64, 96, 128] {
        let row = (0..<width).map { _ in Float.random(in: -size...size, using: &numbers) }
        let expected = format.rounding(row)
        #expect(try format.stored(row) == expected, "\(width) of size 2^\(exponent)")
      }
    }
  }

  @Test("loses at most half a step", arguments: RowFormat.allCases)
  func errorBound(format: RowFormat) throws {
    var numbers = SplitMix64(seed: 9)
    for _ in 0..<500 {
      let size = Float.random(in: 0.001...100, using: &numbers)
      let row = (0..<64).map { _ in Float.random(in: -size...size, using: &numbers) }
      for (first, (exact, stored)) in zip(row, try format.stored(row)).enumerated() {
        let block = row[first / 32 * 32..<(first / 32 + 1) * 32]
        let bound: Float =
          switch format {
          case .f32: 0
          // Half precision keeps 11 significant bits; below 2⁻¹⁴ the spacing is 2⁻²⁴.
          case .f16: max(abs(exact) / 2048, 0x1p-25)
          // Half a quantisation step. The stored scale is within 2⁻¹¹ of max/127, relatively. A
          // scale below 2⁻¹⁴ is off by up to 2⁻²⁵, which counts 127 times at the end of the range.
          case .q8_0: (block.map(abs).max() ?? 0) / 127 * 0.5 * (1 + 0x1p-10) + 127 * 0x1p-25
          }
        #expect(abs(stored - exact) <= bound)
      }
    }
  }

  @Test("in q8_0 keeps zeros, and a lonely float to within its scale's 11 bits")
  func zeros() throws {
    #expect(
      try RowFormat.q8_0.stored(Array(repeating: 0, count: 64)) == Array(repeating: 0, count: 64))
    #expect(try RowFormat.q8_0.stored(Array(repeating: -0.0, count: 32)).allSatisfy { $0 == 0 })
    for value: Float in [1, -127, 0.3, 65504, -5e6] {
      var row = [Float](repeating: 0, count: 32)
      row[31] = value
      let stored = try RowFormat.q8_0.stored(row)
      #expect(stored.dropLast().allSatisfy { $0 == 0 })
      #expect(abs(stored[31] - value) <= abs(value) / 2048)
    }
    // Values below half the smallest scale are stored as zero.
    #expect(try RowFormat.q8_0.stored(Array(repeating: 1e-7, count: 32)).allSatisfy { $0 == 0 })
  }

  @Test(
    "in q8_0 makes a block with what no scale reaches not a number, and only that block",
    arguments: [Float.infinity, -.infinity, .nan, 1e9, -.greatestFiniteMagnitude], [0, 5, 31])
  func faults(value: Float, place: Int) throws {
    var row = (0..<96).map { Float($0) }
    row[32 + place] = value
    let stored = try RowFormat.q8_0.stored(row)
    #expect(stored[32..<64].allSatisfy { $0.isNaN })
    #expect(!stored[..<32].contains { $0.isNaN } && !stored[64...].contains { $0.isNaN })
  }

  @Test("gives a policy the row as stored", arguments: RowFormat.allCases)
  func laneView(format: RowFormat) throws {
    let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 64)
    let engine = try paintedEngine(shape, format: format)
    try engine.read(50)
    for (index, rows) in engine.rows.enumerated() {
      for row in rows {
        #expect(
          row.value == format.rounding(engine.source.value(index / 2, index % 2, row.position)))
      }
    }
  }
}
