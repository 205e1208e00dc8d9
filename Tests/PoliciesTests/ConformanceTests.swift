import KVPolicyKit
import KVPolicyTesting
import Policies
import TestSupport
import Testing

@Suite("Every shipped policy") struct ConformanceTests {
  @Test("obeys the rules of every policy", arguments: PolicyVariant.all)
  func rules(_ variant: PolicyVariant) throws {
    let shape = PolicyTrial().shape
    let violations = checkPolicy(rowLimit: variant.rowLimit, reader: try variant.reader(shape)) {
      try variant.make(shape)
    }
    #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
  }

  @Test("obeys them with one head, larger pages and no rotation", arguments: PolicyVariant.all)
  func plainShape(_ variant: PolicyVariant) throws {
    var trial = PolicyTrial()
    trial.shape = CacheShape(layers: 1, keyHeads: 1, queryHeads: 1, headDimension: 4)
    trial.pageRows = 16
    trial.rotaryBase = nil
    trial.seed = 99
    let reader = try variant.reader(trial.shape)
    let violations = checkPolicy(rowLimit: variant.rowLimit, on: trial, reader: reader) {
      try variant.make(trial.shape)
    }
    #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
  }

  @Test("decodes without a prompt", arguments: PolicyVariant.all)
  func withoutPrompt(_ variant: PolicyVariant) throws {
    let trial = PolicyTrial()
    let engine = try PlainEngine(
      .random(shape: trial.shape, seed: 1), policy: try variant.make(trial.shape),
      reader: try variant.reader(trial.shape))
    try engine.step(trial.steps)
    #expect(engine.sequence.length.tokens == trial.steps)
    #expect(engine.sequence.store.checkInvariants([engine.sequence]) == nil)
  }

  @Test("is covered by trials with something to forget, to code or not to read, but the full cache")
  func covered() throws {
    #expect(Set(PolicyVariant.all.map(\.name)) == Set(PolicyRegistry.all.names))
    for variant in PolicyVariant.all where variant.name != "full" {
      let trial = PolicyTrial()
      let engine = try PlainEngine(
        .random(shape: trial.shape, seed: 1), policy: try variant.make(trial.shape),
        reader: try variant.reader(trial.shape))
      try engine.read(trial.prompt)
      try engine.step(trial.steps)
      let statistics = engine.sequence.statistics
      let held = Double(statistics.longestLane)
      let coded = engine.sequence.codedRows(layer: 0, head: 0)
      #expect(
        statistics.rowsDropped > 0 || statistics.meanReadRows.map { $0 < held / 2 } == true
          || coded.keys > 0 && coded.values > 0, "\(variant)")
    }
  }
}
