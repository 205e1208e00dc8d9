import ReferenceModel
import Testing

@Test("a block of 32 four-bit elements takes half a byte each, and its scale")
func blockBytes() {
  #expect(TensorType.q4_0.blockBytes == 32 / 2 + 2)
  #expect(TensorType.q8_0.blockBytes == 32 + 2)
}
