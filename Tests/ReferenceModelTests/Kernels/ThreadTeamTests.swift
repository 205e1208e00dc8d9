import Foundation
import ReferenceModel
import Synchronization
import Testing

@Test("a team runs every number once and the caller sees the results", arguments: [1, 2, 4, 7])
func everyNumberOnce(threads: Int) {
  let team = ThreadTeam(threads: threads)
  for round in 0..<500 {
    let counts = computed(team.threads, startingFrom: 0) { y in
      team.run { thread in unsafe y[thread] += Float(round + thread) }
    }
    #expect(counts == (0..<team.threads).map { Float(round + $0) })
  }
}

@Test("shared work is done once each, whatever the grain", arguments: [1, 3, 8, 100])
func sharedOnce(grain: Int) {
  let team = ThreadTeam(threads: 3)
  for count in [0, 1, 2, 7, 64, 99] {
    let done = computed(count, startingFrom: 0) { y in
      team.share(count, grain: grain) { _, range in
        for item in range { unsafe y[item] += 1 }
      }
    }
    #expect(done.allSatisfy { $0 == 1 })
  }
}

@Test("no two calls of one region have the same thread number at the same time")
func threadNumbersAreExclusive() {
  let team = ThreadTeam(threads: 4)
  let busy = Atomic<UInt32>(0)
  let clashes = Atomic<Int>(0)
  for _ in 0..<200 {
    team.share(64, grain: 1) { thread, _ in
      let bit = UInt32(1) << UInt32(thread)
      if busy.bitwiseOr(bit, ordering: .sequentiallyConsistent).oldValue & bit != 0 {
        clashes.add(1, ordering: .relaxed)
      }
      busy.bitwiseAnd(~bit, ordering: .sequentiallyConsistent)
    }
  }
  #expect(clashes.load(ordering: .relaxed) == 0)
  #expect(team.threads == 4)
}

@Test("a team that slept works again")
func wakesUp() {
  let team = ThreadTeam(threads: 2)
  for _ in 0..<5 {
    // Waits longer than the workers spin while they look for work.
    usleep(3000)
    let sums = computed(2, startingFrom: 0) { y in team.run { unsafe y[$0] += 1 } }
    #expect(sums == [1, 1])
  }
}

@Test("teams end while their workers sleep and while they look for work")
func teamsEnd() {
  for pause in [0, 0, 0, 1000] {
    let team = ThreadTeam(threads: 4)
    team.run { _ in }
    if pause > 0 { usleep(UInt32(pause)) }
  }
}

@Test("an errand is done once, and may begin regions", arguments: [1, 2, 5])
func errands(threads: Int) {
  let team = ThreadTeam(threads: threads)
  for count in [0, 1, 64] {
    var errands = 0
    let done = Atomic<Int>(0)
    let errand = {
      errands += 1
      team.share(32, grain: 2) { _, range in done.add(range.count, ordering: .relaxed) }
    }
    team.share(count, grain: 1, with: (), beside: errand) { _, _, _ in }
    #expect(errands == 1 && done.load(ordering: .relaxed) == 32)
  }
}

@Test("two callers of one team do not disturb each other")
func twoCallers() async {
  let team = ThreadTeam(threads: 2)
  let wrong = Atomic<Int>(0)
  await withTaskGroup(of: Bool.self) { group in
    for caller in 0..<4 {
      group.addTask {
        (0..<200).allSatisfy { round in
          let expected = Float(caller * 1000 + round)
          let values = computed(32, startingFrom: 0) { y in
            team.share(32, grain: 2) { _, range in
              for item in range { unsafe y[item] += expected }
            }
          }
          return values.allSatisfy { $0 == expected }
        }
      }
    }
    for await right in group where !right { wrong.add(1, ordering: .relaxed) }
  }
  #expect(wrong.load(ordering: .relaxed) == 0)
}
