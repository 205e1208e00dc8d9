import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

/// The examples in comments of the sources, as they stand there.
@Suite("Examples in comments are true")
struct DocCommentTests {
  typealias MyPolicy = LeastRecentlyAttended

  @Test("the picture of a policy") func drawn() throws {
    let kept = try picture(of: H2O(["heavy": 1, "recent": 3]), prompt: 12) { _, key in
      key == 4 ? 1 : 0.1
    }
    // "....#....###"
    #expect(kept == "....#....###")
  }

  @Test("the conformance kit") func checked() {
    #expect(checkPolicy { try MyPolicy(["capacity": 16]) }.isEmpty)
  }
}
