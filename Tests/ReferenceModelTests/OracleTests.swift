import Foundation
import KVPolicyKit
import Policies
import ReferenceModel
import Testing

@Suite("Recorded runs of the published implementations")
struct PublishedTraceTests {
  static let policies = OracleCase.all.filter { one in
    one.origin == .published && !one.name.hasPrefix("arch-")
  }

  @Test("our logits are those of Hugging Face's", arguments: OracleCase.named("arch-"))
  func architecture(_ one: OracleCase) throws {
    let contents = try one.contents()
    let want = try one.logits(contents)
    let model = try OracleModels.load(contents)
    let session = try makeSession(model, PolicyConfiguration("full"))
    var worst: Float = 0
    try session.prefill(try #require(contents["tokens"]?.integers)) { index, logits in
      for token in 0..<logits.count { worst = max(worst, abs(logits[token] - want[index][token])) }
    }
    #expect(worst <= 2e-4)
  }

  @Test("the same rows are kept at every recorded step, and the logits agree", arguments: policies)
  func policy(_ one: OracleCase) throws {
    let contents = try one.contents()
    try replay(one, contents, one.configuration(contents), registry: .all)
  }

  @Test(
    "where scores tie, other rows may be kept, of the same scores",
    arguments: OracleCase.named("snapkv-official-llama-mha-w4-c16-k7-max"))
  func ties(_ one: OracleCase) throws {
    let contents = try one.contents()
    let scores = try one.tensor("pooled_scores", contents)
    let model = try OracleModels.load(contents)
    let session = try makeSession(model, one.configuration(contents))
    let length = try #require(contents["prompt_length"]?.wholeNumber)
    try session.prefill(Array(try #require(contents["tokens"]?.integers?.prefix(length))))
    let heads = model.shape.keyHeads
    for (lane, scores) in scores.enumerated() {
      let kept = session.sequence.keptPositions(layer: lane / heads, head: lane % heads)
      let ours = kept.filter { $0 < scores.count }.map { scores[$0] }.sorted(by: >)
      #expect(ours.count == 12 && kept.count == 16)
      for (score, best) in zip(ours, scores.sorted(by: >)) { #expect(abs(score - best) < 1e-5) }
    }
  }
}

@Suite("Recorded runs of our own reference in double precision")
struct ReferenceTraceTests {
  @Test(
    "the same rows are kept at every step, and the logits agree",
    arguments: OracleCase.all.filter { $0.origin == .reference })
  func policy(_ one: OracleCase) throws {
    let contents = try one.contents()
    try replay(one, contents, one.configuration(contents), registry: .all)
  }
}

@Suite("What is said of the recorded runs")
struct TraceNoteTests {
  @Test("every case has its line, with the repository and the commit that were executed")
  func lines() throws {
    let notes = try String(contentsOfFile: OracleCase.root + "/README.md", encoding: .utf8)
    let rows = notes.matches(of: /\| `([A-Za-z0-9-]+)-…` \| ([0-9]+) \| ([^|]+) \|/)
    var noted = 0
    for row in rows {
      let cases = OracleCase.named(String(row.1))
      #expect(cases.count == Int(row.2), "\(row.1)")
      for one in cases {
        guard case .string(let source)? = try one.contents()["source"] else {
          Issue.record("\(one.name) has no source")
          continue
        }
        #expect(source.hasPrefix(row.3), "\(one.name)")
      }
      noted += cases.count
    }
    #expect(noted == OracleCase.all.count)
  }

  @Test("those of our own reference say so") func origins() throws {
    for one in OracleCase.all {
      guard case .string(let source)? = try one.contents()["source"] else { continue }
      #expect((one.origin == .reference) == source.contains("own float64 reference"), "\(one.name)")
    }
    #expect(OracleCase.all.count == 238)
  }
}

/// A session with exact rows.
func makeSession(
  _ model: LlamaModel, _ configuration: PolicyConfiguration, registry: PolicyRegistry = .all,
  format: RowFormat = .f32
) throws -> LlamaSession {
  let store = try PagedKVStore(
    shape: model.shape, configuration: StoreConfiguration(format: format))
  var registry = registry
  registry.artifacts = ArtifactFiles()
  let policies = try configuration.makePolicies(registry, shape: model.shape)
  return model.makeSession(store.makeSequence(policies))
}

/// Runs a case and compares it with its trace.
func replay(
  _ one: OracleCase, _ contents: [String: JSONValue], _ configuration: PolicyConfiguration,
  registry: PolicyRegistry
) throws {
  let want = try one.logits(contents)
  let model = try OracleModels.load(contents)
  let session = try makeSession(model, configuration, registry: registry)
  let tokens = try #require(contents["tokens"]?.integers)
  let length = try #require(contents["prompt_length"]?.wholeNumber)
  guard case .object(let kept)? = contents["kept"] else { throw ModelError.request("no trace") }
  let hasTies = contents["ties"] != nil
  var worst: Float = 0
  for step in 0...(tokens.count - length) {
    if step == 0 {
      var chunk = 0
      try session.prefill(
        Array(tokens[..<length]),
        eachChunk: {
          chunk += 1
          checkKept(session, kept["chunk\(chunk)"], "chunk \(chunk)")
        })
      #expect(kept["chunk1"] == nil || kept["chunk\(chunk)"] != nil)
      #expect(kept["chunk\(chunk + 1)"] == nil)
    } else {
      let read = try decode(tokens[length + step - 1], with: session)
      if case .object(let sets)? = contents["read"] {
        checkRead(read, sets["\(step)"], "step \(step)")
      }
    }
    for token in 0..<session.logits.count {
      worst = max(worst, abs(session.logits[token] - want[step][token]))
    }
    #expect(session.sequence.checkInvariants() == nil)
    if !hasTies { checkKept(session, kept["\(step)"], "step \(step)") }
    checkCodeCounts(session, contents, step)
  }
  try checkCodes(session, one, contents)
  if !hasTies { #expect(worst <= 1e-3) }
}

/// Compares the numbers of coded keys and values with those of a case, which all lanes share.
private func checkCodeCounts(
  _ session: LlamaSession, _ contents: [String: JSONValue], _ step: Int
) {
  for (field, isValues) in [("keys_coded_rows", false), ("values_coded_rows", true)] {
    guard case .object(let counts)? = contents[field] else { continue }
    for layer in 0..<session.model.shape.layers {
      for head in 0..<session.model.shape.keyHeads {
        let counted = session.sequence.codedRows(layer: layer, head: head)
        #expect(
          (isValues ? counted.values : counted.keys) == counts["\(step)"]?.wholeNumber,
          "\(field), step \(step), layer \(layer), head \(head)")
      }
    }
  }
}

/// Compares keys and values, as they are read after the last step, with those of a case.
private func checkCodes(
  _ session: LlamaSession, _ one: OracleCase, _ contents: [String: JSONValue]
) throws {
  for lane in contents["lanes"]?.list ?? [] {
    guard let ids = lane.integers, ids.count == 2 else { continue }
    let rows = session.sequence.storedRows(layer: ids[0], head: ids[1])
      .sorted { $0.position < $1.position }
    for (part, isValue) in [("key", false), ("value", true)] {
      for kind in ["dequant", "effective"] {
        let want = try one.tensor("\(part)_\(kind).l\(ids[0]).h\(ids[1])", contents)
        for (row, numbers) in zip(rows, want) {
          let stored = isValue ? row.value : row.key
          // Channels that are not stored read as 0, and are not listed.
          let ours = stored.count == numbers.count ? stored : stored.filter { $0 != 0 }
          #expect(ours.count == numbers.count)
          let worst = zip(ours, numbers).map { abs($0 - $1) }.max() ?? 0
          #expect(worst < 1e-4, "\(part) at \(row.position), lane \(ids)")
        }
      }
    }
  }
}

/// Decodes a token, and returns what each layer read; nil for a layer that read everything.
func decode(_ token: Int, with session: LlamaSession) throws -> [[[Int]]?] {
  var read = [[[Int]]?](repeating: nil, count: session.model.shape.layers)
  try withoutActuallyEscaping({ read[$0] = $1 }) { note in
    session.sequence.onRead = note
    defer { session.sequence.onRead = nil }
    try session.decode(token)
  }
  return read
}

/// Compares what a step read with what a case lists by layer and head.
private func checkRead(_ read: [[[Int]]?], _ layers: JSONValue?, _ moment: String) {
  #expect(read.count == layers?.list.count, "\(moment)")
  for (layer, heads) in (layers?.list ?? []).enumerated() {
    let want = heads == .null ? nil : heads.list.map { $0.integers ?? [] }
    #expect(read[layer] == want, "\(moment), layer \(layer)")
  }
}

/// Compares what is kept with what a case lists by layer and head, if it lists the moment.
private func checkKept(_ session: LlamaSession, _ layers: JSONValue?, _ moment: String) {
  for (layer, heads) in (layers?.list ?? []).enumerated() {
    for (head, positions) in heads.list.enumerated() {
      let ours = session.sequence.keptPositions(layer: layer, head: head)
      #expect(ours == positions.integers, "\(moment), layer \(layer), head \(head)")
    }
  }
}
