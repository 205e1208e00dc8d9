import BundledModel
import KVPolicyKit
import MiniTasks
import Policies
import ReferenceModel
import Testing

@testable import Evaluation

@Suite("An explanation")
struct ExplanationTests {
  private static let steps = 24

  private let model: LlamaModel
  private let tokenizer: Tokenizer
  private let prompt: [Int]

  init() throws {
    let files = try BundledModel.open()
    model = LlamaModel(files, threads: 1)
    tokenizer = try files.tokenizer()
    prompt = Array(try TaskComparison.document(3, seed: 0, .both, tokens: 160).prompt)
  }

  private func explainer(registry: PolicyRegistry = .all) -> Explainer {
    var explainer = Explainer(model: model, tokenizer: tokenizer, registry: registry)
    explainer.steps = ExplanationTests.steps
    explainer.store = StoreConfiguration(format: .f32)
    return explainer
  }

  /// Policies that forget when the prompt ends, at every step before or after its attention, or
  /// after chunks; one that gives lanes unequal room; and some that read a part.
  static let configurations = [
    #"{"policy": "snapkv", "capacity": 48}"#,
    #"{"policy": "morphkv", "window": 8, "capacity": 24}"#,
    #"{"policy": "h2o", "heavy": 12, "recent": 12}"#,
    #"{"policy": "streamingllm", "sinks": 4, "recent": 20}"#,
    #"{"policy": "adakv", "capacity": 48}"#,
    #"{"policy": "quest", "budget": 32}"#,
    #"{"policy": "snapkv", "capacity": 60, "read": {"kind": "quest", "budget": 16}}"#,
    #"{"policy": "clusterkv", "budget": 32}"#,
    #"{"policy": "quest", "budget": 32, "lastPromptToken": "decode"}"#,
    #"{"policy": "h2o", "heavy": 12, "recent": 12, "layers": {"1-2": {"policy": "tova", "capacity": 20}}}"#,
  ]

  private func session(_ policy: PolicyConfiguration) throws -> LlamaSession {
    try model.makeSession(
      policy, registry: .all,
      in: PagedKVStore(shape: model.shape, configuration: StoreConfiguration(format: .f32)))
  }

  /// What full attention writes after the prompt.
  private func written() throws -> [Int] {
    let full = try session(PolicyConfiguration("full"))
    try full.prefill(prompt)
    return try (0..<ExplanationTests.steps).map { _ in
      let token = Sampler.largest(full.logits)
      try full.decode(token)
      return token
    }
  }

  @Test(
    "what is forgotten is what a plain trace of the same tokens does not keep",
    arguments: configurations)
  func lives(_ text: String) throws {
    let configuration = try PolicyConfiguration(parsing: text)
    let explanation = try explainer().run([.init(configuration)], prompt: prompt)
    let run = try #require(explanation.runs.first)
    let session = try session(configuration)
    let trace = try Trace(
      session, tokens: prompt + written(), promptLength: prompt.count, keepsLogits: false)
    #expect(trace.steps == explanation.steps && explanation.lanes == 8)
    for step in 0...trace.steps {
      let tokens = prompt.count + step
      for lane in 0..<explanation.lanes {
        let gone = run.forgotten[lane].gone(after: step, of: tokens)
        let kept = (0..<tokens).filter { !gone[$0] }
        #expect(kept == trace.kept[step][lane / 2][lane % 2], "step \(step), lane \(lane)")
      }
    }
    let plain =
      session.sequence.hasReaders ? pictureOfReads(trace) : session.sequence.picture()
    #expect(run.picture == plain)
    #expect(explanation.table.contains("'o' is held") == session.sequence.hasReaders)
    for lane in 0..<explanation.lanes {
      let gone = run.forgotten[lane].gone(after: trace.steps, of: explanation.tokens.count)
      #expect(
        String(gone.map { $0 ? "." : "#" })
          == session.sequence.picture(layer: lane / 2, head: lane % 2, width: gone.count))
    }
  }

  /// What a trace says that lanes hold and that the last step read of them, drawn cell by cell.
  private func pictureOfReads(_ trace: Trace) -> String {
    let (tokens, group) = (prompt.count + trace.steps, model.shape.group)
    let span = (tokens + 63) / 64
    return (0..<8).map { lane in
      let (layer, head) = (lane / 2, lane % 2)
      let held = trace.kept[trace.steps][layer][head]
      let lists = trace.read[trace.steps - 1][layer]
      let read = lists.map { lists in
        (head * group..<(head + 1) * group).flatMap {
          lists[lists.count == model.shape.queryHeads ? $0 : head]
        }
      }
      let seen = Set(read ?? held).intersection(held)
      let cells = stride(from: 0, to: tokens, by: span).map { first -> String in
        let cell = first..<min(first + span, tokens)
        let count = seen.count { cell.contains($0) }
        if count == 0 { return held.contains { cell.contains($0) } ? "o" : "." }
        return count == cell.count ? "#" : 2 * count >= cell.count ? "+" : "-"
      }
      return "layer \(layer) head \(head) |\(cells.joined())| \(seen.count) of "
        + "\(held.count)/\(tokens)"
    }.joined(separator: "\n")
  }

  @Test(
    "the mass lost is what a plain sum over seen rows leaves of full attention's weights",
    arguments: configurations)
  func mass(_ text: String) throws {
    let configuration = try PolicyConfiguration(parsing: text)
    let run = try #require(
      explainer().run([.init(configuration)], prompt: prompt).runs.first)
    let plain = try plainLosses(configuration)
    let part = try session(configuration).sequence.hasReaders
    #expect(run.unread.isEmpty == !part)
    var total = 0.0
    for lane in 0..<8 {
      for step in 0..<ExplanationTests.steps {
        #expect(abs(run.lost[lane][step] - plain[lane][step]) < 1e-4, "\(lane), \(step)")
        total += run.lost[lane][step] / 8
      }
    }
    #expect(total > 0.1, "something is lost")
    #expect(abs(run.missed.reduce(0, +) - total) < 1e-6)
    #expect(abs(run.meanLost.reduce(0, +) - total) < 1e-9)
  }

  /// By lane and step, 1 less the weights of full attention on the rows that a step's attention
  /// saw, as a trace tells them.
  private func plainLosses(_ configuration: PolicyConfiguration) throws -> [[Double]] {
    let (tokens, group) = (prompt + (try written()), model.shape.group)
    let traced = try session(configuration)
    let trace = try Trace(
      traced, tokens: tokens, promptLength: prompt.count, keepsLogits: false)
    let full = model.makeSession(
      try PagedKVStore(shape: model.shape, configuration: StoreConfiguration(format: .f32))
        .makeSequence(PolicyAssignment(FullWeights(model.shape), shape: model.shape)))
    try full.prefill(prompt)
    var losses = [[Double]](repeating: [], count: model.shape.lanes)
    for step in 1...trace.steps {
      try full.decode(tokens[prompt.count + step - 1])
      let policy = try #require(full.sequence.policy(ofLayer: 0) as? FullWeights)
      for lane in losses.indices {
        let (layer, head) = (lane / 2, lane % 2)
        let isEarly = traced.sequence.policy(ofLayer: layer).phase != .afterOutput
        let held =
          isEarly
          ? trace.kept[step][layer][head]
          : trace.kept[step - 1][layer][head] + [prompt.count + step - 1]
        let masses = (head * group..<(head + 1) * group).map { query in
          let lists = trace.read.isEmpty ? nil : trace.read[step - 1][layer]
          let seen = lists.map { $0[$0.count == model.shape.queryHeads ? query : head] } ?? held
          return 1 - seen.reduce(0) { $0 + Double(policy.weights[layer][query][$1]) }
        }
        losses[lane].append(masses.reduce(0, +) / Double(group))
      }
    }
    return losses
  }

  @Test("full attention loses nothing, forgets nothing and agrees with itself")
  func full() throws {
    let explanation = try explainer().run(
      [.init(PolicyConfiguration("full"))], prompt: prompt)
    let run = try #require(explanation.runs.first)
    #expect(run.lost.allSatisfy { $0 == [Double](repeating: 0, count: ExplanationTests.steps) })
    #expect(run.missed == [Double](repeating: 0, count: explanation.tokens.count))
    #expect(run.forgotten.allSatisfy { $0.changes.isEmpty } && run.unread.isEmpty)
    #expect(run.wouldWrite.allSatisfy { $0 == nil })
    let written = try written()
    let text = try tokenizer.decode(prompt + written)
    #expect(explanation.tokens.joined() == text)
    #expect(explanation.tokens.count == prompt.count + written.count)
  }

  @Test("full attention stops at an end token, which is the last one read")
  func end() throws {
    var explainer = explainer()
    let written = try written()
    explainer.endTokens = [written[5]]
    let explanation = try explainer.run([.init(PolicyConfiguration("full"))], prompt: prompt)
    let first = try #require(written.firstIndex(of: written[5]))
    #expect(explanation.steps == first + 1)
  }

  @Test("a query head that attends to one row only loses the rest; its neighbours lose nothing")
  func attend() throws {
    let run = try #require(
      explainer(registry: .all.adding(HalfBlind.self)).run(
        [.init(PolicyConfiguration("halfblind"))], prompt: prompt
      ).runs.first)
    let queries = model.shape.queryHeads
    for list in run.unread.indices {
      let isBlind = list % queries % model.shape.group == 0
      let gone = run.unread[list].gone(after: 2, of: prompt.count + 2)
      #expect(gone == (0..<prompt.count + 2).map { isBlind && $0 < prompt.count + 1 })
    }
    #expect(run.forgotten.allSatisfy { $0.changes.isEmpty })
    #expect(run.lost.joined().allSatisfy { $0 > 0 && $0 < 0.34 }, "one head of three")
  }

  @Test("what the policy would have written is its own likeliest token")
  func wouldWrite() throws {
    let configuration = try PolicyConfiguration(parsing: #"{"policy": "tova", "capacity": 8}"#)
    let run = try #require(
      explainer().run([.init(configuration)], prompt: prompt).runs.first)
    let session = try session(configuration)
    try session.prefill(prompt)
    for (step, token) in try written().enumerated() {
      let own = Sampler.largest(session.logits)
      let word = own == token ? nil : try tokenizer.decode([own])
      #expect(run.wouldWrite[step] == word)
      try session.decode(token)
    }
    #expect(run.wouldWrite.contains { $0 != nil }, "so small a cache goes wrong somewhere")
  }

  @Test("a policy's number of a token is its column's when the token goes, or at the end")
  func notes() throws {
    let text = #"{"policy": "h2o", "heavy": 12, "recent": 12}"#
    let configuration = try PolicyConfiguration(parsing: text)
    let run = try #require(
      explainer().run([.init(configuration)], prompt: prompt).runs.first)
    let notes = try #require(run.notes)
    #expect(notes.name == "attention" && notes.numbers.count == 8)
    let session = try session(configuration)
    try session.prefill(prompt)
    for token in try written() { try session.decode(token) }
    for (lane, numbers) in notes.numbers.enumerated() {
      #expect(numbers.count == prompt.count + ExplanationTests.steps)
      #expect(numbers.allSatisfy { ($0 ?? -1) > 0 }, "every token was seen by itself")
      for row in session.sequence.storedRows(layer: lane / 2, head: lane % 2) {
        #expect(numbers[row.position] == row.columns[0])
      }
      // Of the tokens that the first plan could forget, those kept had the larger numbers.
      let gone = run.forgotten[lane].gone(after: 0, of: prompt.count)
      let lost = prompt.indices.filter { gone[$0] }.compactMap { numbers[$0] }
      #expect(lost.count == prompt.count - 24)
    }
    let plain = try explainer().run([.init(PolicyConfiguration("full"))], prompt: prompt)
    #expect(plain.runs[0].notes == nil)
  }

  @Test("the explanation does not depend on the number of threads, nor does its page")
  func threads() throws {
    let entries = try ["snapkv", "quest"].map {
      PolicyEntry(
        PolicyConfiguration(
          $0, try #require(try PolicyRegistry.all.type(named: $0).settings(budget: .rows(48)))),
        budget: 48)
    }
    let one = try explainer().run(entries, prompt: prompt)
    let team = LlamaModel(try BundledModel.open(), threads: 2)
    var other = Explainer(model: team, tokenizer: tokenizer, registry: .all)
    (other.steps, other.store) = (ExplanationTests.steps, StoreConfiguration(format: .f32))
    let two = try other.run(entries, prompt: prompt)
    #expect(one == two && ExplanationPage(one).html == ExplanationPage(two).html)
    #expect(one.table == two.table)
  }

  @Test("impossible requests are refused before anything runs")
  func refusals() throws {
    let full = PolicyEntry(PolicyConfiguration("full"))
    func message(
      _ entries: [PolicyEntry], _ prompt: [Int], _ change: (inout Explainer) -> Void = { _ in }
    ) -> String {
      var explainer = explainer()
      change(&explainer)
      var runs = 0
      do {
        _ = try explainer.run(entries, prompt: prompt) { _ in runs += 1 }
        return "no error"
      } catch {
        #expect(runs == 0)
        return "\(error)"
      }
    }
    #expect(message([], prompt).contains("0 policies cannot be explained beside each other"))
    #expect(message([full, full, full], prompt).contains("name one or two"))
    #expect(message([full], []).contains("the prompt is empty"))
    #expect(message([full], prompt) { $0.steps = 0 }.contains("at least 1 step"))
    #expect(message([full], prompt) { $0.chunk = 0 }.contains("chunks of 1 token"))
    #expect(message([full], prompt) { $0.steps = .max }.contains("is too long"))
    let long = [Int](repeating: 1, count: 1001)
    #expect(
      message([full], long).contains(
        "a prompt of 1001 tokens with 24 steps is too long: a page about 8 lanes draws at most 1,024"
      ))
    #expect(message([full], [-1]).contains("token -1 is not in the vocabulary"))
    #expect(message([.init(PolicyConfiguration("h20"))], prompt).contains("h2o"))
    #expect(
      message([.init(PolicyConfiguration("h2o", ["heavy": -1]))], prompt).contains("heavy"))
  }
}

/// The first query head of every group attends to the newest row only.
private struct HalfBlind: KVCachePolicy {
  static let name = "halfblind"
  static let summary = "lets one query head of a group see the newest row only"
  static let source = "this test"

  init(_ settings: inout Settings) throws(PolicyError) {}

  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var cadence: Cadence { Cadence(prompt: .never, every: 1) }
  var phase: Phase { .beforeOutput }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    cache.forEachLane { lane in
      let newest = (0..<lane.count).max { lane.positions[$0] < lane.positions[$1] }
      if let newest { plan.attend([newest], head: 0, of: lane.id) }
    }
  }
}

@Suite("Changes of tokens")
struct TokenChangesTests {
  @Test("neighbours that go at one step are one change, and so are those that come back")
  func ranges() {
    var changes = TokenChanges()
    changes.record([false, true, true, false], at: 0)
    changes.record([false, true, true, false, false], at: 1)
    changes.record([true, false, true, true, true, false], at: 2)
    #expect(
      changes.changes == [
        .init(step: 0, positions: 1...2, isLoss: true),
        .init(step: 2, positions: 0...0, isLoss: true),
        .init(step: 2, positions: 1...1, isLoss: false),
        .init(step: 2, positions: 3...4, isLoss: true),
      ])
    #expect(changes.gone(after: 1, of: 5) == [false, true, true, false, false])
    #expect(changes.gone(after: 9, of: 6) == [true, false, true, true, true, false])
    #expect(TokenChanges().gone(after: 3, of: 2) == [false, false])
  }
}
