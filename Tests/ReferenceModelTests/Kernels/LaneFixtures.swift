import KVPolicyKit
import ReferenceModel

/// A lane in memory as the store lays it out, and its contents as plain arrays.
@safe final class TestLane {
  let format: RowFormat
  let headDimension: Int
  /// One entry per row, with the values as stored, which means rounded to the format.
  private(set) var keys: [[Float]] = []
  private(set) var values: [[Float]] = []
  private let pageRows = 16
  private let isDense: Bool
  private let slots: UnsafeMutablePointer<Int32>
  private let pages: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private let pageCount: Int

  /// `count` rows: in slots 0, 1, 2… if dense; otherwise scattered over twice as many pages as
  /// needed, of which the unused pages are absent.
  init(count: Int, headDimension: Int, format: RowFormat, isDense: Bool, seed: UInt64) {
    self.format = format
    self.headDimension = headDimension
    self.isDense = isDense
    var numbers = Numbers(seed: seed)
    var places = Array(0..<count)
    if !isDense {
      places = Array(0..<max(2 * count, 1))
      for index in places.indices.reversed() {
        places.swapAt(index, numbers.below(index + 1))
      }
    }
    pageCount = 2 * count / pageRows + 1
    unsafe slots = .allocate(capacity: max(count, 1))
    unsafe pages = .allocate(capacity: pageCount)
    unsafe pages.initialize(repeating: nil, count: pageCount)
    for row in 0..<count {
      unsafe slots[row] = Int32(places[row])
      fill(slot: places[row], from: &numbers)
    }
  }

  deinit {
    for page in 0..<pageCount { unsafe pages[page]?.deallocate() }
    unsafe pages.deallocate()
    unsafe slots.deallocate()
  }

  var rows: LaneRows {
    unsafe LaneRows(
      count: keys.count, slots: slots, pages: pages, pageRows: pageRows,
      headDimension: headDimension, format: format, rowBytes: rowBytes, isDense: isDense)
  }

  private var rowBytes: Int { headDimension / format.blockElements * format.blockBytes }

  /// Stores a random key and value, element by element.
  private func fill(slot: Int, from numbers: inout Numbers) {
    let page =
      unsafe pages[slot / pageRows]
      ?? .allocate(byteCount: 2 * pageRows * rowBytes, alignment: 64)
    unsafe pages[slot / pageRows] = page
    let (key, value) = (numbers.floats(headDimension), numbers.floats(headDimension))
    keys.append(unsafe write(key, to: page + slot % pageRows * rowBytes))
    values.append(unsafe write(value, to: page + (pageRows + slot % pageRows) * rowBytes))
  }

  /// Stores a row as the definition of its format says, and returns the values that it reads back
  /// as.
  @unsafe private func write(_ row: [Float], to p: UnsafeMutableRawPointer) -> [Float] {
    switch format {
    case .f32:
      for (index, element) in row.enumerated() {
        unsafe p.storeBytes(of: element, toByteOffset: 4 * index, as: Float.self)
      }
      return row
    case .f16:
      for (index, element) in row.enumerated() {
        unsafe p.storeBytes(of: Float16(element), toByteOffset: 2 * index, as: Float16.self)
      }
      return row.map { Float(Float16($0)) }
    case .q8_0:
      // Any bytes form a valid row. These bytes take every value, and the scales have very
      // different sizes.
      var read: [Float] = []
      for block in 0..<row.count / 32 {
        let scale = Float16(row[32 * block] * (block % 2 == 0 ? 0.01 : 100))
        unsafe p.storeBytes(of: scale, toByteOffset: 34 * block, as: Float16.self)
        for j in 0..<32 {
          let integer = Int8(min(127, (row[32 * block + j] * 128).rounded(.down)))
          unsafe p.storeBytes(of: integer, toByteOffset: 34 * block + 2 + j, as: Int8.self)
          read.append(Float(scale) * Float(integer))
        }
      }
      return read
    }
  }
}
