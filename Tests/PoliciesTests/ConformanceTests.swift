import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

/// Settings under which a policy has to forget rows in a trial with a prompt of forty tokens and
/// forty steps.
struct Subject: Sendable, CustomTestStringConvertible {
  let name: String
  var settings: [String: JSONValue] = [:]
  var rowLimit: Int?

  var testDescription: String { "\(name) \(JSONValue.object(settings).text)" }

  func make() throws -> any KVCachePolicy { try PolicyRegistry.all.make(name, settings) }

  static let all = [
    Subject(name: "full"),
    Subject(name: "streamingllm", settings: ["sinks": 2, "recent": 10], rowLimit: 12),
    Subject(
      name: "streamingllm", settings: ["sinks": 2, "recent": 10, "positions": "original"],
      rowLimit: 12),
    Subject(name: "streamingllm", settings: ["sinks": 0, "recent": 9, "when": "afterPrompt"]),
    Subject(name: "h2o", settings: ["heavy": 8, "recent": 6], rowLimit: 14),
    Subject(name: "h2o", settings: ["heavy": 8, "recent": 6, "gqa": "max"], rowLimit: 14),
    Subject(name: "h2o", settings: ["heavy": 8, "recent": 0, "score": "average"], rowLimit: 8),
    Subject(
      name: "h2o", settings: ["heavy": 8, "recent": 6, "positions": "compacted"], rowLimit: 14),
    Subject(name: "h2o", settings: ["heavy": 8, "recent": 6, "when": "afterPrompt"]),
    Subject(name: "snapkv", settings: ["capacity": 16, "window": 4]),
    Subject(
      name: "snapkv",
      settings: ["capacity": 16, "window": 4, "kernel": 3, "pool": "average", "gqa": "max"]),
    Subject(name: "snapkv", settings: ["capacity": 16, "window": 4, "positions": "compacted"]),
    Subject(name: "morphkv", settings: ["capacity": 16], rowLimit: 17),
    Subject(
      name: "morphkv",
      settings: [
        "capacity": 16, "window": 1, "voters": 12, "block": 5, "fusion": "sum", "sinks": 3,
      ],
      rowLimit: 17),
    Subject(
      name: "morphkv",
      settings: ["capacity": 16, "voters": 7, "block": 1, "prunePrompt": "atFirstDecode"],
      rowLimit: 17),
    Subject(name: "morphkv", settings: ["capacity": 16, "burst": 1.5], rowLimit: 25),
    Subject(
      name: "morphkv", settings: ["votes": "exact", "capacity": 16, "window": 4], rowLimit: 17),
    Subject(
      name: "morphkv",
      settings: ["votes": "exact", "capacity": 16, "window": 4, "fusion": "max", "rows": "W"],
      rowLimit: 17),
    Subject(
      name: "morphkv",
      settings: [
        "votes": "exact", "capacity": 16, "window": 4, "attendMask": "perQueryHead",
        "includeCurrentQuery": true,
      ], rowLimit: 17),
    Subject(
      name: "morphkv",
      settings: [
        "votes": "exact", "capacity": 16, "window": 4, "prunePrompt": "atFirstDecode",
        "gqa": "sumOfLogits", "sinks": 3,
      ], rowLimit: 17),
    Subject(
      name: "morphkv",
      settings: [
        "votes": "exact", "capacity": 16, "window": 4, "burst": 1.5, "normaliser": "allVisible",
        "gqa": "meanOfProbabilities",
      ], rowLimit: 25),
    Subject(name: "tova", settings: ["capacity": 12], rowLimit: 12),
    Subject(name: "tova", settings: ["capacity": 12, "protectNewest": true], rowLimit: 12),
    Subject(name: "tova", settings: ["capacity": 12, "when": "afterPrompt"]),
    Subject(name: "random", settings: ["capacity": 12, "recent": 3], rowLimit: 12),
    Subject(name: "random", settings: ["capacity": 12, "when": "afterPrompt"]),
  ]
}

@Suite("Every shipped policy") struct ConformanceTests {
  @Test("obeys the rules of every policy", arguments: Subject.all)
  func rules(_ subject: Subject) {
    let violations = checkPolicy(rowLimit: subject.rowLimit) { try subject.make() }
    #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
  }

  @Test("obeys them with one head, larger pages and no rotation", arguments: Subject.all)
  func plainShape(_ subject: Subject) {
    var trial = PolicyTrial()
    trial.shape = CacheShape(layers: 1, keyHeads: 1, queryHeads: 1, headDimension: 4)
    trial.pageRows = 16
    trial.rotaryBase = nil
    trial.seed = 99
    let violations = checkPolicy(rowLimit: subject.rowLimit, on: trial) { try subject.make() }
    #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
  }

  @Test("is covered by the trials, each with something to forget but the full cache")
  func covered() throws {
    #expect(Set(Subject.all.map(\.name)) == Set(PolicyRegistry.all.names))
    for subject in Subject.all where subject.name != "full" {
      let trial = PolicyTrial()
      let engine = try PlainEngine(
        .random(shape: trial.shape, seed: 1), policy: try subject.make())
      try engine.read(trial.prompt)
      try engine.step(trial.steps)
      #expect(engine.sequence.statistics.rowsDropped > 0, "\(subject.testDescription)")
    }
  }
}
