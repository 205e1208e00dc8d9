import Testing

@testable import KVPolicyCommand

@Suite("A build for newer processors")
struct ProcessorTests {
  @Test("runs where nothing is lacking")
  func nothingLacking() {
    #expect(Processor.refusal(lacking: []) == nil)
    #expect(Processor.refusal == nil, "these tests run here, so the tool must")
  }

  @Test("says what is lacking, and how to build for every processor")
  func lacking() {
    #expect(
      Processor.refusal(lacking: ["AVX2", "FMA"])
        == "this build is for processors with AVX2, FMA and F16C, and AVX2 and FMA cannot be used here; "
        + "build one for every x86-64: KVPOLICY_BASELINE=1 swift build -c release")
  }
}
