import KVPolicyKit
import Policies
import TestSupport
import Testing

@testable import ReferenceModel

@Suite("A session that corrects past tokens")
struct RevisionEngineTests {
  private func model(threads: Int = 1) throws -> LlamaModel {
    LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"), threads: threads)
  }

  private let text = (0..<300).map { ($0 * 37 + $0 / 5 * 11 + 3) % 64 }

  private func session(
    _ model: LlamaModel, _ text: String, format: RowFormat = .f32
  ) throws -> LlamaSession {
    try makeSession(model, PolicyConfiguration(parsing: text), format: format)
  }

  /// Logits of steps after a prompt, and after a second one.
  private func logits(_ session: LlamaSession) throws -> [[Float]] {
    var rows: [[Float]] = []
    for (prompt, steps) in [(0..<150, 150..<162), (162..<190, 190..<200)] {
      try session.prefill(Array(text[prompt]), chunk: 40)
      for token in text[steps] {
        try session.decode(token)
        let row = session.logits
        rows.append(row.indices.map { row[$0] })
      }
    }
    #expect(session.sequence.checkInvariants() == nil)
    return rows
  }

  @Test("in a window of one token is Quest, bit for bit", arguments: [RowFormat.f32, .f16])
  func window1(format: RowFormat) throws {
    let model = try model()
    let retro = try session(
      model, #"{"policy": "retroattention", "page": 4, "pages": 5, "window": 1, "fullLayers": 1}"#,
      format: format)
    let quest = try session(
      model,
      #"""
      {"policy": "quest", "pageSize": 4, "budget": 20, "gqa": "sum", "newestPage": "always",
       "minPages": 1, "denseLayers": 1}
      """#, format: format)
    #expect(try logits(retro) == logits(quest))
  }

  @Test("that read everything changes nothing but roundings")
  func everything() throws {
    let model = try model()
    let retro = try session(model, #"{"policy": "retroattention", "pages": 100, "window": 4}"#)
    let full = try session(model, #"{"policy": "full"}"#)
    for (ours, theirs) in try zip(logits(retro), logits(full)) {
      for (one, other) in zip(ours, theirs) { #expect(abs(one - other) < 1e-3) }
    }
  }

  private let retro =
    #"{"policy": "retroattention", "page": 4, "pages": 3, "window": 3, "pastQuery": "recomputed"}"#

  @Test("computes the same bits with one thread and two")
  func threads() throws {
    let runs = try [1, 2].map { try logits(session(model(threads: $0), retro, format: .f16)) }
    #expect(runs[0] == runs[1])
    let quest = try logits(
      session(model(), #"{"policy": "quest", "pageSize": 4, "budget": 12, "gqa": "sum"}"#))
    #expect(runs[0] != quest)
  }

  @Test("goes on as its fork does, and neither changes the other")
  func forks() throws {
    let model = try model()
    let origin = try session(model, retro)
    try origin.prefill(Array(text[..<60]))
    for token in text[60..<67] { try origin.decode(token) }
    let (fork, other) = (origin.fork(), origin.fork())
    for token in text[67..<75] { try other.decode(63 - token) }
    for token in text[67..<75] {
      try fork.decode(token)
      try origin.decode(token)
      let (a, b) = (fork.logits, origin.logits)
      #expect(a.indices.allSatisfy { a[$0] == b[$0] })
    }
    #expect(
      origin.sequence.store.checkInvariants([origin.sequence, fork.sequence, other.sequence])
        == nil)
  }

  @Test("decodes in a batch as alone")
  func batch() throws {
    let model = try model()
    let sessions = try [(retro, 80), (#"{"policy": "full"}"#, 33), (retro, 50)].map {
      let session = try session(model, $0.0)
      try session.prefill(Array(text[..<$0.1]))
      return session
    }
    let alone = sessions.map { $0.fork() }
    for token in text[200..<220] {
      try model.decode([token, 63 - token, token], of: sessions)
      for (session, token) in zip(alone, [token, 63 - token, token]) { try session.decode(token) }
    }
    for (one, other) in zip(sessions, alone) {
      let (a, b) = (one.logits, other.logits)
      #expect(a.indices.allSatisfy { a[$0] == b[$0] })
    }
  }

  @Test("reads the pages that our reference reads", arguments: OracleCase.named("retroattention-"))
  func pages(_ one: OracleCase) throws {
    let contents = try one.contents()
    guard case .object(let pages)? = contents["pages"] else {
      Issue.record("the case lists no pages")
      return
    }
    let configuration = try one.configuration(contents)
    let page = try #require(configuration.main.settings["page"]?.wholeNumber)
    let session = try makeSession(OracleModels.load(contents), configuration)
    let tokens = try #require(contents["tokens"]?.integers)
    let length = try #require(contents["prompt_length"]?.wholeNumber)
    try session.prefill(Array(tokens[..<length]))
    for step in 1...(tokens.count - length) {
      let read = try decode(tokens[length + step - 1], with: session)
      for (layer, lists) in (pages["\(step)"]?.list ?? []).enumerated() {
        let ours = read[layer]?.map { Array(Set($0.map { $0 / page })).sorted() }
        #expect(ours == lists.list.map { $0.integers ?? [] }, "step \(step), layer \(layer)")
      }
    }
  }

  @Test(
    "holds the outputs, keys and values that our reference holds",
    arguments: OracleCase.named("retroattention-"))
  func past(_ one: OracleCase) throws {
    let contents = try one.contents()
    let configuration = try one.configuration(contents)
    guard configuration.main.settings["window"] != 1 else { return }
    let model = try OracleModels.load(contents)
    let session = try makeSession(model, configuration)
    let tokens = try #require(contents["tokens"]?.integers)
    let length = try #require(contents["prompt_length"]?.wholeNumber)
    let wanted = try ["past_out", "past_k", "past_v"].map { try one.tensor($0, contents) }
    let (shape, last) = (model.shape, model.shape.layers - 1)
    let revised = try #require(session.revised)
    func check(_ values: [Float], _ row: Int, of tensor: Int) {
      let largest = wanted[tensor].joined().reduce(0) { max($0, abs($1)) }
      for (a, b) in zip(values, wanted[tensor][row]) { #expect(abs(a - b) <= 1e-4 * largest) }
    }
    try session.prefill(Array(tokens[..<length]))
    for step in 1...(tokens.count - length) {
      try session.decode(tokens[length + step - 1])
      guard step > 1 else { continue }
      // In a window of two, the state of the token before is the one to be used next.
      let number = revised.count > 1 ? revised.count - 2 : revised.count
      let state = revised.state(number, layer: last)
      let width = shape.headDimension
      for head in 0..<shape.queryHeads {
        let output = (0..<width).map { unsafe state.mixed.base[head * width + $0] }
        check(output, (step - 1) * shape.queryHeads + head, of: 0)
      }
      for head in 0..<shape.keyHeads {
        let rows = session.sequence.storedRows(layer: last, head: head)
        let row = try #require(rows.first { $0.position == length + step - 2 })
        check(row.key, (step - 1) * shape.keyHeads + head, of: 1)
        check(row.value, (step - 1) * shape.keyHeads + head, of: 2)
      }
    }
  }
}
