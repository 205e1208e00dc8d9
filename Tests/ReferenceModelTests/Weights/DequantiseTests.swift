import Foundation
import Testing

@testable import ReferenceModel

@Test(
  "rows expand to the same bits as the gguf package expands them", arguments: TensorType.allCases)
func dequantiseIsExact(_ type: TensorType) throws {
  let blocks = try MappedFile(weightFixture("dequantise/\(type.rawValue).blocks"))
  let expected = try MappedFile(weightFixture("dequantise/\(type.rawValue).floats"))
  let (rows, columns) = (4, 96)
  let tensor = try StoredTensor(
    name: "fixture", shape: [rows, columns], type: type, file: blocks, offset: 0)
  #expect(tensor.bytes == blocks.count)
  let actual = dequantised(try #require(tensor.matrix))
  #expect(actual.count == rows * columns)
  for (index, value) in actual.enumerated() {
    let bits = try #require(expected.integer(at: 4 * index, as: UInt32.self))
    #expect(value.bitPattern == bits, "element \(index)")
  }
}

/// Bytes to overwrite in a block so that its scale (or offset) is infinite, or not a number.
private let poisons: [(type: TensorType, place: Int, bytes: [UInt8])] = [
  (.f32, 0, [0, 0, 0x80, 0x7F]), (.f32, 0, [1, 0, 0xC0, 0xFF]),
  (.f16, 0, [0, 0x7C]), (.f16, 0, [1, 0xFE]), (.bf16, 0, [0x80, 0x7F]), (.bf16, 0, [0xC0, 0xFF]),
  (.q8_0, 0, [0, 0x7C]), (.q4_0, 0, [0, 0xFC]), (.q4_1, 0, [0, 0x7C]), (.q4_1, 2, [0, 0x7C]),
  (.q5_0, 0, [1, 0x7E]), (.q5_1, 0, [0, 0x7C]), (.q5_1, 2, [1, 0x7C]),
]

@Test("the scan for infinite weights names the tensor and the place", arguments: poisons)
func finiteScanFinds(_ poison: (type: TensorType, place: Int, bytes: [UInt8])) throws {
  var model = TinyGGUF(poison.type)
  let block = 3
  let first = block * poison.type.blockBytes + poison.place
  model.change("blk.0.ffn_down.weight") {
    $0.data.replaceSubrange(first..<first + poison.bytes.count, with: poison.bytes)
  }
  let files = try openTiny(model)
  let error = #expect(throws: ModelError.self) { try files.checkFinite() }
  let text = try #require(error).description
  #expect(text.contains("blk.0.ffn_down.weight"))
  #expect(text.contains(" \(block) is not a finite number"))
}

@Test("the scan for infinite weights passes a sound model", arguments: TensorType.allCases)
func finiteScanPasses(_ type: TensorType) throws {
  try openTiny(TinyGGUF(type)).checkFinite()
}

@Test("the scan for infinite weights reads the norms too")
func finiteScanReadsNorms() throws {
  var model = TinyGGUF()
  model.change("output_norm.weight") {
    $0.data.replaceSubrange(4..<8, with: little(Float.infinity.bitPattern))
  }
  let files = try openTiny(model)
  let error = #expect(throws: ModelError.self) { try files.checkFinite() }
  #expect(try #require(error).description.contains("'output_norm.weight': element 1"))
}
