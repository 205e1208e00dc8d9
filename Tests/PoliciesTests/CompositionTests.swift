import KVPolicyKit
import KVPolicyTesting
import Policies
import TestSupport
import Testing

@Suite("Compositions")
struct CompositionTests {
  private let trials = (1...6).map { Trial(seed: UInt64($0) + 700, prompt: 20...60, steps: 12) }

  private func make(_ text: String) throws -> any KVCachePolicy {
    let configuration = try PolicyConfiguration(parsing: text)
    let shape = PolicyTrial().shape
    return try PolicyRegistry.tried(on: shape).make(
      configuration.main.policy, configuration.main.settings, shape: shape)
  }

  private func reader(_ text: String) throws -> (any RowReader)? {
    let configuration = try PolicyConfiguration(parsing: #"{"policy": "full", "read": \#(text)}"#)
    return try configuration.makePolicies(.all, shape: PolicyTrial().shape).readers[0]
  }

  /// Pairs of configurations that are one policy.
  static let pairs = [
    (
      #"{"policy": "snapkv", "capacity": 12, "window": 4, "kernel": 3}"#,
      #"{"policy": "composed", "score": {"kind": "window", "window": 4, "kernel": 3}, "budget": {"kind": "even", "rows": 12}}"#
    ),
    (
      #"{"policy": "pyramidkv", "capacity": 12, "window": 4, "beta": 5}"#,
      #"{"policy": "snapkv", "capacity": 12, "window": 4, "kernel": 5, "pool": "average", "poolOrder": "groupThenPool", "budget": {"kind": "pyramid", "beta": 5}}"#
    ),
    (
      #"{"policy": "adakv", "capacity": 12, "window": 4}"#,
      #"{"policy": "snapkv", "capacity": 12, "window": 4, "kernel": 5, "pool": "average", "budget": "adaptive"}"#
    ),
    (
      #"{"policy": "chunkkv", "capacity": 12, "window": 4, "size": 5}"#,
      #"{"policy": "snapkv", "capacity": 12, "window": 4, "kernel": 5, "pool": "average", "unit": {"kind": "chunk", "size": 5}}"#
    ),
    (
      #"{"policy": "criticalkv", "capacity": 12, "window": 4, "firstStage": 0.25}"#,
      #"{"policy": "snapkv", "capacity": 12, "window": 4, "kernel": 5, "pool": "average", "refine": {"kind": "critical", "firstStage": 0.25}}"#
    ),
    (
      #"{"policy": "criticalkv", "capacity": 12, "window": 4, "firstStage": 1}"#,
      #"{"policy": "snapkv", "capacity": 12, "window": 4, "kernel": 5, "pool": "average"}"#
    ),
    (
      #"{"policy": "keydiff", "capacity": 9, "when": "everyStep"}"#,
      #"{"policy": "composed", "score": "keydiff", "budget": {"rows": 9}, "when": {"prompt": "atEnd", "every": 1}}"#
    ),
    (
      #"{"policy": "keydiff", "sparsity": 0.6, "when": "everyChunk"}"#,
      #"{"policy": "composed", "score": "keydiff", "budget": {"sparsity": 0.6}, "when": "everyChunk"}"#
    ),
    (
      #"{"policy": "pyramidkv", "sparsity": 0.6, "window": 4, "patched": true, "when": "everyChunk"}"#,
      #"{"policy": "snapkv", "sparsity": 0.6, "window": 4, "kernel": 5, "pool": "average", "poolOrder": "groupThenPool", "budget": "pyramid", "patched": true, "when": "everyChunk"}"#
    ),
    // Where the parts reduce to simpler ones.
    (
      #"{"policy": "keydiff", "capacity": 9, "budget": {"kind": "adaptive", "floor": 1}}"#,
      #"{"policy": "keydiff", "capacity": 9}"#
    ),
    (
      #"{"policy": "adakv", "capacity": 12, "window": 4, "floor": 1, "rule": "globalThenFloor"}"#,
      #"{"policy": "snapkv", "capacity": 12, "window": 4, "kernel": 5, "pool": "average"}"#
    ),
    (
      #"{"policy": "knorm", "capacity": 9, "budget": {"kind": "pyramid", "beta": 1}}"#,
      #"{"policy": "knorm", "capacity": 9}"#
    ),
    (
      #"{"policy": "composed", "budget": {"rows": 9}, "protect": {"sinks": 3}, "when": "everyStep"}"#,
      #"{"policy": "streamingllm", "sinks": 3, "recent": 6, "positions": "original"}"#
    ),
    (
      #"{"policy": "sagekv", "sinks": 2, "topK": 6, "recent": 1, "recentGrows": true}"#,
      #"{"policy": "snapkv", "capacity": 9, "window": 1, "kernel": 1, "gqa": "sum", "protect": {"sinks": 2}}"#
    ),
  ]

  @Test("that are the same policy keep the same rows", arguments: pairs.indices)
  func same(_ index: Int) throws {
    let (one, other) = Self.pairs[index]
    for trial in trials {
      let runs = try [one, other].map { try trial.run(make($0)) }
      #expect(runs[0].kept == runs[1].kept)
      #expect(runs[0].kept[0].contains { $0.count < trial.prompt })
    }
  }

  @Test("with chunks of one row and scores shared by heads keep single rows, the same in all heads")
  func chunksOfOne() throws {
    for trial in trials {
      let run = try trial.run(
        make(#"{"policy": "keydiff", "capacity": 9, "unit": {"kind": "chunk", "size": 1}}"#))
      let heads = trial.shape.keyHeads
      for (index, lane) in run.kept[0].enumerated() {
        #expect(lane.count == 9 && lane == run.kept[0][index / heads * heads])
      }
    }
  }

  @Test("of a pyramid in floating point fall from the whole capacity, or not at all")
  func floatingPyramid() throws {
    func rows(_ capacity: Int, _ beta: Int, layers: Int, prompt: Int) throws -> [Int] {
      let shape = CacheShape(layers: layers, keyHeads: 1, queryHeads: 1, headDimension: 2)
      let policy = try PyramidKV(
        [
          "capacity": .integer(capacity), "window": 4, "beta": .integer(beta), "rule": "kvpress",
        ])
      let engine = try PlainEngine(.random(shape: shape, seed: 3), policy: policy)
      try engine.read(prompt)
      return engine.keptNow.map(\.count)
    }
    // From 32 − 8 to 8 = 16 / 2 in steps of 16 / 3, rounded.
    #expect(try rows(16, 2, layers: 4, prompt: 90) == [24, 19, 13, 8])
    // At most the 26 rows outside the window, so that the highest layer has 32 − 26.
    #expect(try rows(16, 8, layers: 3, prompt: 30) == [26, 16, 6])
    // The highest layer would have 16 / 8 rows, less than the window.
    #expect(try rows(16, 8, layers: 3, prompt: 90) == [16, 16, 16])
    #expect(try rows(16, 2, layers: 1, prompt: 90) == [16])
    #expect(try rows(16, 2, layers: 2, prompt: 15) == [15, 15])
  }

  @Test("of a pyramid keep the capacity in a model of one layer, and the mean in several")
  func pyramids() throws {
    for layers in 1...5 {
      let shape = CacheShape(layers: layers, keyHeads: 1, queryHeads: 2, headDimension: 4)
      for prompt in [15, 16, 17, 30, 100] {
        let engine = try PlainEngine(
          .random(shape: shape, seed: 3), policy: PyramidKV(["capacity": 16, "window": 4]))
        try engine.read(prompt)
        let rows = engine.keptNow.map(\.count)
        #expect(rows.allSatisfy { $0 <= prompt && $0 >= min(prompt, 4) })
        if layers == 1 { #expect(rows == [min(prompt, 16)]) }
        #expect(zip(rows, rows.dropFirst()).allSatisfy { $0 >= $1 })
        // The steps between the budgets of layers are whole rows.
        #expect(rows.reduce(0, +) <= layers * (min(prompt, 16) + layers))
      }
    }
  }

  @Test(
    "whose unit reuses choices have each layer of a group keep the rows of the first",
    arguments: [
      #""when": "afterPrompt", "budget": "adaptive""#, #""when": {"prompt": "atEnd", "every": 3}"#,
      #""when": "everyChunk", "sparsity": 0.5"#,
    ])
  func reuse(_ rest: String) throws {
    let shape = CacheShape(layers: 5, keyHeads: 2, queryHeads: 4, headDimension: 4)
    func kept(_ reuse: Int, layers: String = "{}") throws -> [[[Int]]] {
      let amount = rest.contains("sparsity") ? "" : #""capacity": 12, "#
      let configuration = try PolicyConfiguration(
        parsing: """
          {"policy": "keydiff", \(amount)"unit": {"kind": "chunk", "size": 3, "reuse": \(reuse)},
           \(rest), "layers": \(layers)}
          """)
      let policies = try configuration.makePolicies(.all, shape: shape)
      let store = try PagedKVStore(shape: shape)
      let engine = PlainEngine(
        .random(shape: shape, seed: 11), sequence: store.makeSequence(policies))
      try engine.read(50, chunk: 20)
      try engine.step(7)
      try engine.read(10)
      return engine.kept
    }
    let alone = try kept(1)
    for reuse in 2...3 {
      for (shared, alone) in zip(try kept(reuse), alone) {
        for lane in shared.indices {
          let leader = lane / shape.keyHeads / reuse * reuse * shape.keyHeads
          #expect(shared[lane] == alone[leader + lane % shape.keyHeads])
        }
      }
    }
    // Layers 0 and 3 have another policy, so layer 4 has no other leader than itself.
    let parted = try kept(3, layers: #"{"0": {"policy": "full"}, "3": {"policy": "full"}}"#)
    #expect(parted.map { Array($0[2..<4]) } == alone.map { Array($0[2..<4]) })
    #expect(parted.map { Array($0[4..<6]) } == alone.map { Array($0[2..<4]) })
    #expect(parted.map { Array($0[8..<10]) } == alone.map { Array($0[8..<10]) })
  }

  @Test("drawn by lot obey the rules of every policy", arguments: 0..<12)
  func random(_ number: Int) throws {
    var generator = SplitMix64(seed: UInt64(number) + 17)
    func draw<Value>(_ values: [Value]) -> Value {
      values[Int(generator.next() % UInt64(values.count))]
    }
    let score = draw([
      #"{"kind": "window", "window": 3, "kernel": 3}"#, #""knorm""#,
      #"{"kind": "window", "window": 3, "patched": true, "chunkNormaliser": "chunk"}"#,
      #""keydiff""#, #""cur""#,
      #"{"kind": "lagkv", "sinks": 1, "lag": 4}"#, #""recency""#,
      #"{"kind": "foresight", "scorer": "scorer", "block": 2, "queryCache": 3}"#,
      #"{"kind": "redundancy", "window": 2, "kernel": 3}"#, #""expectedattention""#,
      #"{"kind": "cap", "sinks": 2}"#, #"{"kind": "leverage", "sketchSize": 4}"#,
    ])
    let budget = draw([
      #"{"kind": "even", "rows": 14}"#, #"{"kind": "pyramid", "rows": 13, "beta": 3}"#,
      #"{"kind": "adaptive", "rows": 12, "floor": 0.3}"#,
      #"{"kind": "pyramid", "rows": 16, "beta": 2, "rule": "kvpress"}"#,
      #"{"kind": "adaptive", "rows": 15, "rule": "globalThenFloor"}"#,
      #"{"kind": "adaptive", "sparsity": 0.6}"#, #"{"kind": "pyramid", "sparsity": 0.5}"#,
      #"{"kind": "profile", "rows": 13, "headTable": "head-profile"}"#,
    ])
    let isSigned = ["knorm", "keydiff", "redundancy"].contains { score.contains($0) }
    let refine = isSigned ? "\"none\"" : draw(["\"none\"", "\"critical\""])
    let unit = draw([
      #""row""#, #"{"kind": "chunk", "size": 3}"#, #"{"kind": "chunk", "size": 2, "reuse": 2}"#,
    ])
    let protect = draw([#"{}"#, #"{"sinks": 2}"#, #"{"recent": 4}"#, #"{"sinks": 1, "recent": 3}"#])
    let needsChunks = score.contains("patched") || budget.contains("sparsity")
    let moments = (needsChunks ? [] : ["\"afterPrompt\""]) + ["\"everyChunk\""]
    let when =
      score.contains("window") || needsChunks
      ? draw(moments)
      : draw(
        moments + [
          "\"everyStep\"", #"{"prompt": "atEnd", "every": 3}"#, #"{"every": 2}"#,
          #"{"everyTotal": 5, "offset": 2}"#, #"{"afterPredicted": [0, 3, 4, 9]}"#,
        ])
    let positions = score.contains("patched") ? "original" : draw(["original", "compacted"])
    let text = """
      {"policy": "composed", "score": \(score), "budget": \(budget), "unit": \(unit),
       "refine": \(refine), "protect": \(protect), "when": \(when), "positions": "\(positions)"}
      """
    let read: String? = draw([
      nil, #"{"kind": "quest", "budget": 6, "pageSize": 3, "denseLayers": 0}"#,
      #"{"kind": "clusterkv", "clusters": 3, "budget": 6, "sinks": 1, "denseLayers": 1}"#,
    ])
    let reader = positions == "original" ? try read.flatMap { try self.reader($0) } : nil
    let violations = checkPolicy(reader: reader) { try make(text) }
    #expect(violations.isEmpty, "\(text): \(violations.map(\.description).joined(separator: "\n"))")
  }

  @Test("that cannot work are refused with the path of the setting")
  func refusals() throws {
    let cases = [
      (#"{"policy": "composed", "score": "keydif"}"#, "'score' cannot be \"keydif\""),
      (
        #"{"policy": "composed", "budget": {"kind": "adaptive", "flor": 0.1}}"#,
        "no setting 'budget.flor' (did you mean 'budget.floor'?)"
      ),
      (
        #"{"policy": "composed", "budget": {"kind": "adaptive", "floor": 2}}"#,
        "'budget.floor' cannot be 2"
      ),
      (#"{"policy": "knorm", "budget": {"kind": 7}}"#, "'budget' cannot be 7"),
      (#"{"policy": "knorm", "when": "sometimes"}"#, "'when' cannot be \"sometimes\""),
      (#"{"policy": "knorm", "when": {"every": -1}}"#, "'when.every' cannot be -1"),
      (#"{"policy": "knorm", "protect": 4}"#, "'protect' cannot be 4"),
      (#"{"policy": "knorm", "protect": {"sink": 4}}"#, "no setting 'protect.sink'"),
      (
        #"{"policy": "composed", "score": "window", "when": "everyStep"}"#,
        "looks at the prompt's queries"
      ),
      (#"{"policy": "snapkv", "capacity": 8, "window": 8}"#, "8 are protected; raise it above 8"),
      (
        #"{"policy": "knorm", "capacity": 8, "protect": {"sinks": 4, "recent": 4}}"#,
        "8 are protected"
      ),
      (#"{"policy": "snapkv", "sparsity": 0.5}"#, #"set "when" to "everyChunk""#),
      (
        #"{"policy": "snapkv", "sparsity": 0.5, "capacity": 9, "when": "everyChunk"}"#,
        "give one of them"
      ),
      (
        #"{"policy": "knorm", "sparsity": 0.5, "when": {"prompt": "everyChunk", "every": 2}}"#,
        "a share of each chunk"
      ),
      (#"{"policy": "knorm", "sparsity": 1.5}"#, "'sparsity' cannot be 1.5"),
      (
        #"{"policy": "composed", "budget": {"sparsity": "half"}}"#,
        "'budget.sparsity' cannot be \"half\""
      ),
      (#"{"policy": "judgeq", "when": "everyChunk", "softTokens": 4}"#, "'softTokens' cannot be 4"),
      (#"{"policy": "judgeq", "softTokens": "probe", "kernel": 2}"#, "kernel (2) must be odd"),
      (#"{"policy": "snapkv", "patched": true}"#, "judges each chunk of the prompt by itself"),
      (#"{"policy": "snapkv", "chunkNormaliser": "chunk"}"#, "judges each chunk"),
      (#"{"policy": "snapkv", "patchPositions": "end"}"#, #"one of "afterChunk", "trueEnd""#),
      (#"{"policy": "refreekv", "order": "window", "window": 0}"#, "needs a window"),
      (#"{"policy": "rkv", "when": {"everyTotal": 0}}"#, "'when.everyTotal' cannot be 0"),
      (
        #"{"policy": "rkv", "when": {"everyTotal": 8, "offset": -1}}"#, "'when.offset' cannot be -1"
      ),
      (#"{"policy": "rkv", "when": {"everyTotal": 8, "every": 8}}"#, "give one of them"),
      (#"{"policy": "rkv", "when": {"every": 8, "offset": 3}}"#, "no setting 'when.offset'"),
      (#"{"policy": "rkv", "when": {"afterPredicted": []}}"#, "'when.afterPredicted' cannot be []"),
      (#"{"policy": "knorm", "when": {"afterPredicted": [-2]}}"#, "must be a list of tokens"),
      (#"{"policy": "knorm", "when": {"afterPredicted": [0.5]}}"#, "must be a list of tokens"),
      (#"{"policy": "rkv", "when": "everyChunk"}"#, "not after every chunk"),
      (#"{"policy": "rkv", "when": "afterPrompt", "compressPrompt": false}"#, "not never"),
      (#"{"policy": "rkv", "when": {"prompt": "atEnd", "every": 8}}"#, "leave it out"),
      (#"{"policy": "expectedattention", "futurePositions": 0}"#, "'futurePositions' cannot be 0"),
      (#"{"policy": "cap", "futurePositions": 10000000}"#, "a whole number from 1 to 1048576"),
      (#"{"policy": "expectedattention", "epsilon": -1}"#, "'epsilon' cannot be -1"),
      (#"{"policy": "cap", "tau": -1}"#, "'tau' cannot be -1"),
      (#"{"policy": "leverage", "jitter": 0}"#, "'jitter' cannot be 0"),
      (#"{"policy": "leverage", "sketchSize": 5000}"#, "a whole number from 1 to 4096"),
      (#"{"policy": "knorm", "refine": "critical"}"#, "can be negative"),
      (#"{"policy": "snapkv", "refine": "crtical"}"#, "'refine' cannot be \"crtical\""),
      (
        #"{"policy": "snapkv", "refine": {"kind": "critical", "firstStage": 2}}"#,
        "'refine.firstStage' cannot be 2"
      ),
      (#"{"policy": "criticalkv", "epsilon": -1}"#, "'epsilon' cannot be -1"),
      (#"{"policy": "criticalkv", "refine": "critical"}"#, "no setting 'refine'"),
      (#"{"policy": "composed", "budget.rows": 64}"#, "'budget.rows' names a setting inside"),
      (#"{"policy": "snapkv", "protect.sinks": null}"#, "'protect.sinks' names a setting inside"),
      (#"{"policy": "composed", "budget": {"x.y": 1}}"#, "no setting 'budget.x.y'"),
      (#"{"policy": "composed", "budget": {"budget.rows": 1}}"#, "no setting 'budget.budget.rows'"),
      (#"{"policy": "pyramidkv", "rule": "kvpres"}"#, #"one of "factory", "kvpress""#),
      (#"{"policy": "chunkkv", "reuse": 0}"#, "'reuse' cannot be 0"),
      (
        #"{"policy": "keydiff", "budget": {"kind": "adaptive", "normalise": true}}"#,
        #"as "normalise" asks"#
      ),
      (#"{"policy": "rkv", "kernel": 4}"#, "kernel (4) must be odd"),
      (#"{"policy": "rkv", "lambda": 1.5}"#, "'lambda' cannot be 1.5"),
      (#"{"policy": "rkv", "capacity": 8, "window": 8}"#, "8 are protected; raise it above 8"),
    ]
    for (text, message) in cases {
      let error = #expect(throws: PolicyError.self) { try make(text) }
      #expect(error?.description.contains(message) == true, "\(error?.description ?? "none")")
    }
  }
}
