import KVPolicyKit
import KVPolicyTesting
import Policies
import TestSupport
import Testing

@Suite("The policies' settings") struct PolicySettingsTests {
  private static let impossible: [(String, [String: JSONValue], String)] = [
    ("full", ["capacity": 4], "has no setting 'capacity'; it has no settings"),
    ("streamingllm", ["recent": 0], "'recent' cannot be 0"),
    ("streamingllm", ["sinks": -1], "'sinks' cannot be -1"),
    ("streamingllm", ["positions": "placed"], #"one of "original", "compacted""#),
    ("h2o", ["heavy": 0, "recent": 0], "heavy + recent must be at least 1"),
    ("h2o", ["score": "mean"], #"one of "sum", "average""#),
    ("h2o", ["variant": "morph"], #"one of "official", "morphkv""#),
    ("h2o", ["variant": "morphkv", "score": "average"], "'score' belongs to \"variant\""),
    ("h2o", ["variant": "morphkv", "positions": "compacted"], "'positions' belongs to"),
    ("h2o", ["variant": "morphkv", "when": "afterPrompt"], "'when' belongs to \"variant\""),
    ("snapkv", ["capacity": 32, "window": 32], "32 are protected; raise it above 32"),
    ("snapkv", ["kernel": 4], "kernel (4) must be odd"),
    ("snapkv", ["window": 0], "'window' cannot be 0"),
    ("kivi", ["groupSize": 0], "'groupSize' cannot be 0"),
    ("kivi", ["keyBits": 7], "'keyBits' is 7; use 2, 3, 4 or 8"),
    ("mikv", ["highBits": 5], "'highBits' is 5; use 2, 3, 4 or 8"),
    ("mikv", ["highBits": 4.5], "'highBits' cannot be 4.5"),
    ("mikv", ["highRatio": 1.5], "'highRatio' cannot be 1.5"),
    ("think", ["keyChannelRatio": 1], "'keyChannelRatio' cannot be 1"),
    ("think", ["window": 0], "'window' cannot be 0"),
    ("kvzip", ["ratio": 1.5], "'ratio' cannot be 1.5"),
    ("kvzip", ["chunk": 0], "'chunk' cannot be 0"),
    ("kvzip", ["repeatTokens": "again"], "must be a list of tokens"),
    ("kvzip", ["suffixTokens": [3, -1]], "must be a list of tokens"),
    ("kvzip", ["continueTokens": [1.5]], "must be a list of tokens"),
    ("kvzip", ["normalization": "minus"], #"one of "none", "plus""#),
    ("kvzip", ["scope": "lane"], #"one of "global", "layer""#),
    ("morphkv", ["window": 1, "votes": "exact"], "a window of 1 has no voter"),
    ("morphkv", ["window": 0], "'window' cannot be 0"),
    ("morphkv", ["window": 8, "windowShare": 0.5], "give one of them"),
    ("morphkv", ["voters": 8, "votersShare": 0.5], "give one of them"),
    ("morphkv", ["votersShare": -1], "'votersShare' cannot be -1"),
    ("morphkv", ["gqa": "sumOfLogits"], "'gqa' belongs to \"votes\": \"exact\""),
    ("morphkv", ["votes": "exact", "block": 8], "'block' belongs to \"votes\": \"blocks\""),
    ("morphkv", ["votes": "exact", "voters": 8], "'voters' belongs"),
    ("morphkv", ["window": 8, "capacity": 8], "capacity (8) must exceed window (8)"),
    ("morphkv", ["window": 8, "capacity": 10, "sinks": 3], "must fit in capacity − window (2)"),
    ("morphkv", ["burst": 0.5], "'burst' cannot be 0.5"),
    ("morphkv", ["gqa": "max"], #"one of "maxOfProbabilities", "sumOfLogits""#),
    ("morphkv", ["includeCurrentQuery": 1], "true or false"),
    ("tova", ["capacity": 0], "'capacity' cannot be 0"),
    ("random", ["capacity": 4, "recent": 5], "recent (5) cannot exceed capacity (4)"),
    ("wgkv", ["threshold": 0.01, "floor": 0.1], "floor (0.1) cannot be greater than threshold"),
    ("wgkv", ["threshold": 1.5], "'threshold' cannot be 1.5"),
    ("wgkv", ["window": 1], "'window' cannot be 1"),
    ("wgkv", ["prefillTile": 0], "'prefillTile' cannot be 0"),
    ("wgkv", ["gates": 7], "'gates' cannot be 7"),
    ("kvzap", ["threshold": "low"], "'threshold' cannot be \"low\""),
    ("kvzap", ["window": 0], "'window' cannot be 0"),
    ("kvzap", ["decoding": "no"], "true or false"),
    ("kvzap", ["capacity": 64], "has no setting 'capacity'"),
    ("random", ["when": "everystep"], #"one of "everyStep", "afterPrompt""#),
    ("snapkv", ["windows": 3], "did you mean 'window'?"),
    ("morph", [:], "did you mean 'morphkv'?"),
  ]

  @Test("that cannot work are refused, never silently changed", arguments: impossible.indices)
  func refused(index: Int) {
    let (name, settings, fragment) = Self.impossible[index]
    do throws(PolicyError) {
      _ = try PolicyRegistry.all.make(name, settings)
      Issue.record("accepted: \(name) \(settings)")
    } catch { #expect(error.description.contains(fragment), "\(error)") }
  }

  @Test("for a budget hold so many rows, and are refused where that is impossible")
  func budgets() throws {
    for name in PolicyRegistry.all.names {
      let type = try PolicyRegistry.all.type(named: name)
      let needed = try PolicyRegistry.all.neededArtifacts(of: name)
      let takesBudget = try type.settings(budget: .rows(40)) != nil
      guard needed.isEmpty, takesBudget else {
        #expect(
          [
            "full", "refreekv", "duoattention", "prulong", "baklava", "foresightkv", "judgeq",
            "wgkv", "kvzap", "less", "kivi", "think", "mikv",
          ].contains(name))
        continue
      }
      var refused = true
      for rows in 1...40 {
        guard let settings = try? type.settings(budget: .rows(rows)) else {
          #expect(refused, "\(name) takes a budget of \(rows - 1) but not one of \(rows)")
          continue
        }
        refused = false
        let engine = try PlainEngine(.weights { _, _ in 1 }, policy: type.init(settings))
        try engine.read(60)
        try engine.step()
        // A step may hold one extra row, SnapKV keeps all generated rows, and ChunkKV keeps whole
        // chunks of twenty.
        let slack = name == "chunkkv" ? 20 : 0
        if let read = engine.sequence.statistics.meanReadRows {
          // Quest reads whole pages of up to sixteen rows, of which the newest is not full yet.
          #expect(read <= Double(rows + 1) && read > Double(rows - 32), "\(name), \(rows)")
          continue
        }
        #expect(
          (rows - slack...rows + slack + 1).contains(engine.keptNow[0].count), "\(name), \(rows)")
      }
      #expect(!refused)
    }
  }

  @Test("by query head are refused where query heads share keys")
  func ownHeads() throws {
    let settings: [String: JSONValue] = ["gqa": "perQueryHead", "window": 4, "capacity": 12]
    let single = CacheShape(layers: 1, keyHeads: 2, queryHeads: 2, headDimension: 4)
    let shape = CacheShape(layers: 1, keyHeads: 2, queryHeads: 4, headDimension: 4)
    _ = try PolicyConfiguration("snapkv", settings).makePolicies(.all, shape: single)
    let error = #expect(throws: PolicyError.self) {
      try PolicyConfiguration("snapkv", settings).makePolicies(.all, shape: shape)
    }
    #expect("\(error.map { "\($0)" } ?? "")".contains("a group of 2 query heads shares its keys"))
  }

  @Test("read from JSON give the same plans as settings written in Swift")
  func sameFromJSON() throws {
    let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 4)
    for variant in PolicyVariant.all {
      var object = variant.settings
      object["policy"] = .string(variant.name)
      let text = JSONValue.object(object).text
      let assignment = try PolicyConfiguration(parsing: text).makePolicies(
        .tried(on: shape), shape: shape)
      let store = try PagedKVStore(
        shape: shape, configuration: StoreConfiguration(pageRows: 8, format: .f32))
      let source = SyntheticAttention.random(shape: shape, seed: 6)
      let parsed = PlainEngine(source, sequence: store.makeSequence(assignment))
      let built = try PlainEngine(source, policy: variant.make(shape))
      for engine in [parsed, built] {
        try engine.read(30, chunk: 8)
        try engine.step(30)
      }
      #expect(parsed.plans == built.plans && parsed.outputs == built.outputs)
    }
  }

  @Test("may differ by layer, each layer under its own policy")
  func layers() throws {
    let shape = CacheShape(layers: 4, keyHeads: 1, queryHeads: 2, headDimension: 4)
    let text = """
      {"policy": "h2o", "heavy": 4, "recent": 4,
       "layers": {"0": {"policy": "full"}, "2": {"heavy": 2}, "3": {"policy": "tova", "capacity": 5}}}
      """
    let assignment = try PolicyConfiguration(parsing: text).makePolicies(.all, shape: shape)
    let store = try PagedKVStore(
      shape: shape, configuration: StoreConfiguration(pageRows: 4, format: .f32))
    let engine = PlainEngine(
      .random(shape: shape, seed: 2), sequence: store.makeSequence(assignment))
    try engine.read(20)
    try engine.step(10)
    #expect(engine.keptNow.map(\.count) == [30, 8, 6, 5])
    let statistics = engine.sequence.statistics
    #expect(statistics.longestLane == 30 && statistics.shortestLane == 5)
    #expect(statistics.rowsDropped == 120 - 49)
    #expect(store.checkInvariants([engine.sequence]) == nil)
  }
}
