import KVPolicyKit

/// The rule about readers.
extension PolicyReport {
  /// Runs the policy, and again with a reader that names the rows that were read the first time and
  /// does nothing else.
  mutating func checkReads(_ make: Maker, _ trial: PolicyTrial) throws {
    let policy = try make()
    let own = (policy as? any ReadingPolicy)?.reader
    guard let reader = reader ?? own else { return }
    let engine = try trial.engine(policy, self.reader, codec)
    let script = Script(shape: trial.shape)
    engine.sequence.onRead = { script.note(layer: $0, step: engine.sequence.steps + 1, $1) }
    try engine.read(trial.prompt, chunk: trial.chunk)
    try engine.step(trial.steps)
    engine.sequence.onRead = nil
    let mean = engine.sequence.statistics.meanReadRows ?? 0
    let counted = script.rows(engine) / Double(max(1, trial.steps * trial.shape.lanes))
    require(
      abs(mean - counted) < 1e-9, .readsWhatItSays,
      "statistics count \(mean) rows a step, and \(counted) were named")

    let scripted = ScriptedReader(script: script, digest: reader.digest)
    let again: PlainEngine
    if let revision = (policy as? any RevisingPolicy)?.revision {
      again = try trial.engine(ScriptedRevision(scripted, revision), nil, codec)
    } else {
      let base = own == nil ? try make() : KeepEverything(positions: .original)
      again = try trial.engine(base, scripted, codec)
    }
    try again.read(trial.prompt, chunk: trial.chunk)
    try again.step(trial.steps)
    require(
      again.outputs == engine.outputs && again.kept == engine.kept, .readsWhatItSays,
      "outputs are not those of attention over the rows that were named")
  }
}

/// What was read, step by step.
private final class Script: @unchecked Sendable {
  // Each script is used by a single task.

  private let shape: CacheShape
  /// By step and layer: the positions of each list.
  private var sets: [[Int]: [[Int]]] = [:]

  init(shape: CacheShape) { self.shape = shape }

  func note(layer: Int, step: Int, _ positions: [[Int]]?) { sets[[step, layer]] = positions }

  func positions(layer: Int, step: Int) -> [[Int]]? { sets[[step, layer]] }

  /// The rows read in all steps and lanes, per query head of a group.
  func rows(_ engine: PlainEngine) -> Double {
    var total = 0.0
    for step in 1..<engine.sequence.steps + 1 {
      for layer in 0..<shape.layers {
        if let lists = sets[[step, layer]] {
          let perLane = Double(lists.count / shape.keyHeads)
          total += Double(lists.reduce(0) { $0 + $1.count }) / perLane
        } else {
          total += Double(engine.rowsHeld(step: step, layer: layer))
        }
      }
    }
    return total
  }
}

extension PlainEngine {
  /// The rows that a layer's lanes held while the output of a step was computed.
  fileprivate func rowsHeld(step: Int, layer: Int) -> Int {
    let heads = source.shape.keyHeads
    let moments = kept.count - sequence.steps + step - 1
    let after = kept[moments][layer * heads..<(layer + 1) * heads]
    let before = kept[moments - 1][layer * heads..<(layer + 1) * heads]
    guard wants[layer].phase == .afterOutput else { return after.reduce(0) { $0 + $1.count } }
    return before.reduce(0) { $0 + $1.count + 1 }
  }
}

/// Names the rows of a script.
private struct ScriptedReader: RowReader {
  static let name = "scripted"
  static let summary = "reads what another reader read"
  static let source = "nothing to publish"

  let script: Script
  let digest: PageDigest?

  init(script: Script, digest: PageDigest?) { (self.script, self.digest) = (script, digest) }

  init(_ settings: inout Settings) throws(PolicyError) {
    throw settings.impossible("it has no settings")
  }

  static func settings(rows: Int) -> [String: JSONValue] { [:] }

  mutating func read(_ layer: borrowing LayerView, plan: inout ReadPlan) {
    guard case .step(let step) = layer.moment,
      let lists = script.positions(layer: layer.layer, step: step)
    else { return }
    let perLane = lists.count / layer.shape.keyHeads
    for (index, positions) in lists.enumerated() {
      let lane = layer.lane(index / perLane)
      let read = Set(positions)
      let rows = lane.rowsByPosition().filter { read.contains(Int(lane.positions[$0])) }
      plan.read(rows: rows, of: lane.id, head: perLane > 1 ? index % perLane : nil)
    }
  }
}

/// Reads the rows of a script, and corrects past tokens by them.
private struct ScriptedRevision: RevisingPolicy {
  static let name = "scripted"
  static let summary = "reads what another policy read, and corrects past tokens"
  static let source = "nothing to publish"

  let reader: any RowReader
  let revision: Revision

  init(_ reader: any RowReader, _ revision: Revision) {
    (self.reader, self.revision) = (reader, revision)
  }

  init(_ settings: inout Settings) throws(PolicyError) {
    throw settings.impossible("it has no settings")
  }

  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var cadence: Cadence { .never }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}
