import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

@testable import WriteAPolicy

@Suite("The policies of the guide")
struct PolicyExampleTests {
  @Test("EveryOther obeys every rule") func everyOther() {
    #expect(checkPolicy(rowLimit: 16) { try EveryOther(["capacity": 16]) }.isEmpty)
  }

  @Test("LeastRecentlyAttended obeys every rule") func leastRecent() {
    #expect(checkPolicy(rowLimit: 16) { try LeastRecentlyAttended(["capacity": 16]) }.isEmpty)
  }

  @Test("EveryOther keeps every other token") func everyOtherPicture() throws {
    #expect(try picture(of: EveryOther(["capacity": 8]), prompt: 13) == "#.#.#.#.#.#.#")
    #expect(try picture(of: EveryOther(["capacity": 4]), prompt: 13) == "#...#...#...#")
  }

  @Test("a score is a policy, and a part of a composition in a file")
  func evenPositions() throws {
    #expect(checkPolicy { try ScoredPolicy<EvenPositions>(["capacity": 16]) }.isEmpty)
    #expect(
      try picture(of: ScoredPolicy<EvenPositions>(["capacity": 4]), prompt: 9) == "#.#.#.#..")
    let configuration = try PolicyConfiguration(
      parsing: Repository.text("Examples/02-WriteAPolicy/composed.json"))
    let registry = PolicyRegistry.all.adding(score: EvenPositions.self)
    let policy = try registry.make("composed", configuration.main.settings)
    #expect(policy.protection == Protection(recent: 32))
  }

  @Test("a token that is looked at again and again outlives newer ones") func glances() throws {
    let policy = try LeastRecentlyAttended(["capacity": 4, "window": 2])
    let kept = try picture(of: policy, prompt: 8, steps: 4) { query, key in
      key == 2 || key == query ? 1 : 0.01
    }
    #expect(kept == "..#......###")
  }
}
