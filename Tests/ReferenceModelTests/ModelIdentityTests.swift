import KVPolicyKit
import Testing

@testable import ReferenceModel

@Suite("A model's identity") struct ModelIdentityTests {
  @Test("is hashed by SHA-256, whose digests of short and long messages are published")
  func digests() {
    #expect(
      SHA256.hexadecimal(of: Array("abc".utf8))
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      SHA256.hexadecimal(of: [])
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      SHA256.hexadecimal(of: Array(repeating: UInt8(ascii: "a"), count: 1_000_000))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test("is one for all models of the same sizes and norms, and another where a gain differs")
  func gains() throws {
    let contents = try #require(OracleCase.named("arch-llama").first).contents()
    let model = try OracleModels.load(contents)
    #expect(try OracleModels.load(contents).identity == model.identity)
    let others = try OracleCase.named("arch-").map { try OracleModels.load($0.contents()).identity }
    #expect(Set(others).count > 1)
    #expect(model.identity.digest.count == 64)
  }
}
