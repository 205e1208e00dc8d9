import KVPolicyKit
import Testing

@testable import KVPolicyTesting
@testable import Policies

/// Codes of published programs, by our store's codec and by the testing kit's formula.
@Suite("Vectors of codes")
struct CodeVectorTests {
  /// Rows stored as codes and read back: the codes, and the decoded rows.
  private func stored(
    _ rows: [Float], width: Int, _ format: CodeFormat
  ) throws -> (codes: [Float], decoded: [Float]) {
    let block = try CodeBlock(format, width: width, isWide: true)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: block.bytes, alignment: 64)
    defer { unsafe memory.deallocate() }
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0xFF, count: block.bytes)
    var (codes, decoded) = ([Float](), [Float]())
    var room = [Float](repeating: 0, count: width)
    let count = rows.count / width
    for first in stride(from: 0, to: count, by: block.rows) {
      let rowsHere = min(block.rows, count - first)
      let source = Array(rows[first * width..<(first + rowsHere) * width])
      if format.grouping == .ofChannel {
        unsafe block.encodeBlock(source, into: memory)
      } else {
        for row in 0..<rowsHere {
          unsafe block.encodeRow(
            Array(source[row * width..<(row + 1) * width]), row: row, into: memory)
        }
      }
      for row in 0..<rowsHere {
        unsafe block.decodeRow(row, of: memory, to: &room)
        decoded += room
        codes += (0..<width).map { unsafe Float(block.code(row, $0, of: memory)) }
      }
    }
    return (codes, decoded)
  }

  private func check(
    _ input: [Float], width: Int, _ format: CodeFormat, codes: [Float]?, decoded: [Float],
    within tolerance: Float = 1e-5, _ name: String
  ) throws {
    let ours = try stored(input, width: width, format)
    if let codes { #expect(ours.codes == codes, "\(name)") }
    let rows = stride(from: 0, to: input.count, by: width).map { Array(input[$0..<$0 + width]) }
    let plain = Plain.coded(rows, format).flatMap { $0 }
    #expect(ours.decoded.count == decoded.count && plain.count == decoded.count, "\(name)")
    for (index, want) in decoded.enumerated() {
      #expect(abs(ours.decoded[index] - want) < tolerance, "\(name)")
      #expect(abs(plain[index] - want) < tolerance, "\(name)")
    }
  }

  @Test("KIVI's codes are those of its code")
  func kivi() throws {
    for item in try UnitVectors(file: "kivi-unit-codec").items() {
      let (input, want) = (try item.tensor("input"), try item.tensor("dequant"))
      let format = CodeFormat(
        bits: try #require(item.fields["bits"]?.wholeNumber),
        group: try #require(item.fields["group"]?.wholeNumber),
        item.fields["what"] == .string("keys") ? .ofChannel : .ofRow)
      // The published code divides 0 by 0 for a group of equal elements, so only the decoded
      // elements of such a group are recorded.
      let codes = item.name == "vconst" ? nil : try item.tensor("codes").values
      try check(
        input.values, width: input.shape[2], format, codes: codes, decoded: want.values, item.name)
    }
  }

  @Test("MiKV's codes of balanced keys are those of our reference")
  func mikv() throws {
    for item in try UnitVectors(file: "mikv-unit-codec").items() {
      let (keys, balancer) = (try item.tensor("keys"), try item.tensor("balancer").values)
      let width = keys.shape[1]
      let balanced = keys.values.enumerated().map { $1 * balancer[$0 % width] }
      let want = try item.tensor("effective").values
      try check(
        balanced, width: width,
        CodeFormat(
          bits: try #require(item.fields["bits"]?.wholeNumber),
          group: try #require(item.fields["group"]?.wholeNumber), .ofRow),
        codes: try item.tensor("codes").values,
        decoded: want.enumerated().map { $1 * balancer[$0 % width] }, item.name)
    }
  }

  @Test("ThinK keeps the channels that its code keeps")
  func think() throws {
    for item in try UnitVectors(file: "think-unit-channels").items() {
      let (keys, queries) = (try item.tensor("keys"), try item.tensor("queries"))
      let (rows, width) = (keys.shape[1], keys.shape[2])
      let want = item.fields["surviving_channels"]?.list ?? []
      #expect(want.count == keys.shape[0])
      for (head, channels) in want.enumerated() {
        func squares(_ tensor: [Float], last count: Int) -> [[Float]] {
          (rows - count..<rows).map { row in
            let first = (head * rows + row) * width
            return tensor[first..<first + width].map { $0 * $0 }
          }
        }
        let ours = ChannelChoice.channels(
          squares(queries.values, last: min(32, rows)), squares(keys.values, last: rows),
          ratio: try #require(item.fields["ratio"]?.realNumber))
        #expect(ours == channels.integers, "\(item.name), head \(head)")
      }
    }
  }

  @Test("the codes of hqq, which groups elements of a whole cache, are ours of the same groups")
  func hqq() throws {
    for item in try UnitVectors(file: "qprune-unit-codec").items() {
      let bits = try #require(item.fields["bits"]?.wholeNumber)
      // Our store has no codes of 1 bit, and no zeros that were moved to fit better.
      guard CodeFormat.legalBits.contains(bits), item.fields["optimised"] == .bool(false) else {
        continue
      }
      let group = try #require(item.fields["group"]?.wholeNumber)
      let (input, codes, decoded) = (
        try item.tensor("input").values, try item.tensor("codes").values,
        try item.tensor("dequant").values
      )
      // Along axis 0 a group is every n-th element, where n is the number of groups: a column.
      let isStrided = item.fields["axis"]?.wholeNumber == 0
      let format = CodeFormat(bits: bits, group: group, isStrided ? .ofChannel : .ofRow)
      try check(
        input, width: isStrided ? input.count / group : group, format, codes: codes,
        decoded: decoded, within: bits == 8 ? 1e-4 : 1e-5, item.name)
    }
  }
}
