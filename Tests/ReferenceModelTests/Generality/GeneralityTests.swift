import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

@testable import ReferenceModel

/// Three systems that do not ship, written as a user's policies. No hook, store or model was
/// changed for them.
@Suite("The contract holds other systems")
struct GeneralityTests {
  static let registry = PolicyRegistry([PyramidKV.self, AdaKV.self, ChunkKV.self])

  @Test(
    "PyramidKV keeps what KVCache-Factory kept",
    arguments: OracleCase.named("factory-pyramid-kvhead"))
  func pyramid(_ one: OracleCase) throws {
    let contents = try one.contents()
    try replay(one, contents, one.configuration(contents), registry: Self.registry)
  }

  @Test("AdaKV keeps what kvpress kept", arguments: OracleCase.named("kvpress-adakv"))
  func adaptive(_ one: OracleCase) throws {
    let contents = try one.contents()
    try replay(one, contents, one.configuration(contents), registry: Self.registry)
  }

  @Test("ChunkKV keeps what kvpress kept", arguments: OracleCase.named("kvpress-chunkkv"))
  func chunks(_ one: OracleCase) throws {
    let contents = try one.contents()
    try replay(one, contents, one.configuration(contents), registry: Self.registry)
  }

  /// Settings under which the three policies have to forget some of forty tokens.
  static let trials: [(name: String, settings: [String: JSONValue])] = [
    ("pyramidkv", ["capacity": 16, "window": 4]),
    ("pyramidkv", ["capacity": 12, "window": 3, "kernel": 1, "beta": 2, "gqa": "max"]),
    ("adakv", ["capacity": 16, "window": 4]),
    ("adakv", ["capacity": 12, "window": 3, "kernel": 3, "floor": 0]),
    ("adakv", ["capacity": 12, "window": 3, "floor": 1]),
    ("chunkkv", ["capacity": 16, "window": 4, "size": 5]),
    ("chunkkv", ["capacity": 20, "window": 2, "size": 3, "kernel": 3]),
  ]

  @Test("and each obeys the rules of every policy, in one layer or two", arguments: trials.indices)
  func rules(_ index: Int) throws {
    let (name, settings) = Self.trials[index]
    for layers in 1...2 {
      var trial = PolicyTrial()
      trial.shape = CacheShape(layers: layers, keyHeads: 2, queryHeads: 4, headDimension: 8)
      let violations = checkPolicy(on: trial) {
        try Self.registry.make(name, settings, shape: trial.shape)
      }
      #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
    }
  }

  @Test("AdaKV leaves lanes of different lengths, and reads another prompt over them")
  func raggedLanes() throws {
    let model = LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"))
    let session = try makeSession(
      model, PolicyConfiguration("adakv", ["capacity": 16, "window": 4]), registry: Self.registry)
    func lengths() -> [Int] {
      (0..<model.shape.lanes).map {
        session.sequence.rowCount(layer: $0 / model.shape.keyHeads, head: $0 % model.shape.keyHeads)
      }
    }
    let (heads, layers) = (model.shape.keyHeads, 0..<model.shape.layers)
    var text = (0..<200).map { (token: Int) -> Int in (token * 37 + token / 5 * 11 + 3) % 64 }[...]
    var wasRagged = false
    for prompt in [40, 23, 1, 30] {
      try session.prefill(Array(text.prefix(prompt)), chunk: 16)
      text = text.dropFirst(prompt)
      let rows = lengths()
      for layer in layers {
        let lanes = rows[layer * heads..<(layer + 1) * heads]
        #expect(lanes.reduce(0, +) == heads * 16)
        wasRagged = wasRagged || Set(lanes).count > 1
      }
      for token in text.prefix(7) { try session.decode(token) }
      text = text.dropFirst(7)
      #expect(lengths() == rows.map { $0 + 7 })
      #expect(session.sequence.checkInvariants() == nil)
    }
    #expect(wasRagged)
  }

  @Test("PyramidKV keeps its capacity in a model of one layer, and its mean in several")
  func oneLayer() throws {
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
    "what cannot work is refused", arguments: ["pyramidkv", "adakv", "chunkkv"],
    [
      ["capacity": 8, "window": 8], ["capacity": 8, "window": 9], ["kernel": 4], ["kernel": 0],
      ["capacity": 1, "window": 1],
    ] as [[String: JSONValue]])
  func refused(_ name: String, _ settings: [String: JSONValue]) {
    #expect(throws: PolicyError.self) { try Self.registry.make(name, settings) }
  }

  @Test(
    "every budget gives settings that work, and no fewer rows than it asks for",
    arguments: ["pyramidkv", "adakv", "chunkkv"])
  func budgets(_ name: String) throws {
    let type = try Self.registry.type(named: name)
    #expect(try type.settings(budget: .rows(1)) == nil)
    for rows in 2...70 {
      let settings = try #require(try type.settings(budget: .rows(rows)))
      let engine = try PlainEngine(
        .weights { _, key in Double(1 + key * 5 % 7) }, policy: type.init(settings))
      try engine.read(100)
      try engine.step(3)
      #expect(engine.sequence.checkInvariants() == nil)
      // Blocks of twenty tokens are kept or dropped as a whole.
      let slack = name == "chunkkv" ? 20 : 0
      #expect((rows - slack...rows + slack).contains(engine.keptNow[0].count - 3), "\(rows)")
    }
  }
}
