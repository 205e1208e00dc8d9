import KVPolicyKit
import Policies
import Testing

@testable import KVPolicyTesting

@Suite("KIVI")
struct KIVITests {
  private let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 16)
  private let small: JSONValue = [
    "kind": "kivi", "keyBits": 4, "valueBits": 2, "groupSize": 8, "residual": 16,
  ]

  private func engine(
    _ configuration: PolicyConfiguration, format: RowFormat = .f32, pageRows: Int = 4
  ) throws -> PlainEngine {
    let store = try PagedKVStore(
      shape: shape, configuration: StoreConfiguration(pageRows: pageRows, format: format))
    let policies = try configuration.makePolicies(.all, shape: shape)
    return PlainEngine(.random(shape: shape, seed: 3), sequence: store.makeSequence(policies))
  }

  /// Checks that the oldest rows of every lane are read as codes of what they were, and the others
  /// as they were.
  private func checkRows(_ engine: PlainEngine, keys: Int, values: Int) throws {
    let source = engine.source
    for layer in 0..<shape.layers {
      for head in 0..<shape.keyHeads {
        let rows = engine.sequence.storedRows(layer: layer, head: head)
          .sorted { $0.position < $1.position }
        let key = rows.map { source.rotate(source.key(layer, head, $0.position), at: $0.position) }
        let value = rows.map { source.value(layer, head, $0.position) }
        let wantKeys =
          Plain.coded(Array(key[..<keys]), CodeFormat(bits: 4, group: 8, .ofChannel)) + key[keys...]
        let wantValues =
          Plain.coded(Array(value[..<values]), CodeFormat(bits: 2, group: 8, .ofRow))
          + value[values...]
        for (index, row) in rows.enumerated() {
          #expect(zip(row.key, wantKeys[index]).allSatisfy { abs($0 - $1) < 1e-5 }, "\(index)")
          #expect(zip(row.value, wantValues[index]).allSatisfy { abs($0 - $1) < 1e-5 }, "\(index)")
        }
        let counted = engine.sequence.codedRows(layer: layer, head: head)
        #expect(counted == (keys, values))
      }
    }
    #expect(engine.sequence.checkInvariants() == nil)
  }

  @Test("codes keys in blocks of the residual, and all values but the newest")
  func counts() throws {
    let engine = try engine(PolicyConfiguration("full", ["codec": small]))
    try engine.read(37, chunk: 9)
    try checkRows(engine, keys: 32, values: 21)
    try engine.step(10)
    try checkRows(engine, keys: 32, values: 31)
    try engine.step()
    try checkRows(engine, keys: 48, values: 32)
    try engine.read(20, chunk: 7)
    try checkRows(engine, keys: 64, values: 52)
  }

  @Test("under its own name codes as beside the full cache")
  func ownName() throws {
    guard case .object(var settings) = small else {
      Issue.record("the codec is an object with settings")
      return
    }
    settings["kind"] = nil
    let (own, beside) = (
      try engine(PolicyConfiguration("kivi", settings)),
      try engine(PolicyConfiguration("full", ["codec": small]))
    )
    for engine in [own, beside] {
      try engine.read(40)
      try engine.step(30)
    }
    #expect(own.outputs == beside.outputs)
  }

  @Test("of a text that fits into the residual changes nothing")
  func short() throws {
    let (coded, full) = (
      try engine(PolicyConfiguration("full", ["codec": small])),
      try engine(PolicyConfiguration("full"))
    )
    for engine in [coded, full] {
      try engine.read(10)
      try engine.step(5)
    }
    #expect(coded.outputs == full.outputs)
  }

  @Test("holds what its formula says, and gives pages of coded rows back")
  func bytes() throws {
    for format in [RowFormat.f32, .f16] {
      let engine = try engine(PolicyConfiguration("full", ["codec": small]), format: format)
      try engine.read(1_040)
      let float = format == .f32 ? 4 : 2
      // 1,040 keys, 130 groups of 8: two floats a channel, and half a byte an element. Then 1,024
      // values: two floats for each group of 8 channels, and a quarter of a byte an element.
      let keys = 130 * 16 * 2 * float + 1_040 * 8
      let values = 1_024 * (2 * 2 * float + 4)
      let full = 16 * 2 * 16 * float
      let statistics = engine.sequence.statistics
      // Row numbers, slots, places of codes and the entries of pages and blocks.
      let bookkeeping = 1_040 * (8 + 8) + (130 + 32) * 32 + 260 * 24
      let want = shape.lanes * (keys + values + full + bookkeeping)
      #expect(abs(statistics.residentBytes - want) < want / 50)
      #expect(statistics.pagesHeld == shape.lanes * 4)
    }
  }

  @Test("lets bytes pay for more rows")
  func budget() throws {
    let settings: [String: JSONValue] = [
      "score": "keydiff", "budget": ["kind": "even", "bytes": 20_000], "when": "afterPrompt",
    ]
    let whole = try engine(PolicyConfiguration("composed", settings))
    let coded = try engine(
      PolicyConfiguration("composed", settings.merging(["codec": small]) { $1 }))
    for engine in [whole, coded] { try engine.read(200) }
    // A row takes 128 bytes in each of 4 lanes; its codes take 24 + 20, and 16 rows stay whole.
    #expect(whole.keptNow.allSatisfy { $0.count == 20_000 / (4 * 128) })
    #expect(
      coded.keptNow.allSatisfy { $0.count == (20_000 - 16 * 4 * (128 - 44)) / (4 * 44) })
  }

  @Test("follows forgetting and forking")
  func forgetting() throws {
    let configuration = PolicyConfiguration(
      "h2o", ["heavy": 30, "recent": 6, "codec": small])
    let engine = try engine(configuration)
    try engine.read(50)
    try engine.step(20)
    let fork = engine.fork()
    try fork.step(40)
    let seen = engine.sequence.storedRows(layer: 1, head: 1)
    try engine.step(40)
    #expect(engine.outputs == fork.outputs)
    #expect(engine.sequence.storedRows(layer: 1, head: 1) != seen)
    #expect(
      engine.sequence.store.checkInvariants([engine.sequence, fork.sequence]) == nil)
    #expect(engine.keptNow.allSatisfy { $0.count == 36 })
  }

  @Test("is read in part by a reader")
  func reader() throws {
    let read: JSONValue = ["kind": "quest", "budget": 512, "pageSize": 4, "denseLayers": 0]
    let (whole, part) = (
      try engine(PolicyConfiguration("full", ["codec": small])),
      try engine(PolicyConfiguration("full", ["codec": small, "read": read]))
    )
    for engine in [whole, part] {
      try engine.read(40)
      try engine.step(20)
      #expect(engine.sequence.checkInvariants() == nil)
    }
    // A budget of all rows reads all rows, in the order of positions.
    for (one, other) in zip(whole.outputs, part.outputs) {
      #expect(zip(one, other).allSatisfy { abs($0 - $1) < 1e-5 })
    }
  }

  @Test("is counted in the bytes that a step reads")
  func readBytes() throws {
    let read: JSONValue = ["kind": "quest", "budget": 512, "pageSize": 4, "denseLayers": 0]
    let (whole, coded) = (
      try engine(PolicyConfiguration("full", ["read": read])),
      try engine(PolicyConfiguration("full", ["codec": small, "read": read]))
    )
    for engine in [whole, coded] {
      try engine.read(40)
      try engine.step()
    }
    // Of 41 rows 32 keys are codes, 24 bytes each with their part of the scales, and 24 values, 20
    // bytes each; as floats they take 64 bytes.
    let saved = shape.lanes * (32 * (64 - 24) + 24 * (64 - 20))
    let bytes = try #require(whole.sequence.statistics.meanReadBytes)
    #expect(coded.sequence.statistics.meanReadBytes == bytes - saved)
  }

  @Test(
    "groups by default the greatest power of two of channels that divides a row",
    arguments: [(16, 16), (96, 32), (80, 16), (6, 2)])
  func defaultGroups(width: Int, group: Int) throws {
    let shape = CacheShape(layers: 1, keyHeads: 1, queryHeads: 1, headDimension: width)
    let policies = try PolicyConfiguration("kivi").makePolicies(.all, shape: shape)
    #expect(policies.codecs[0]?.tiers[0].values.group == group)
    // Before the shape is known, a residual is right that would be right for some shape.
    _ = try PolicyRegistry.all.make("kivi", ["residual": 16])
  }

  @Test(
    "and every codec goes with policies that leave keys where they are",
    arguments: [
      #"{"policy": "h2o", "heavy": 12, "recent": 4"#,
      #"{"policy": "tova", "capacity": 17"#,
      #"{"policy": "snapkv", "capacity": 18, "window": 5"#,
      #"{"policy": "adakv", "capacity": 18, "window": 5"#,
      #"{"policy": "morphkv", "capacity": 20, "window": 6"#,
      #"{"policy": "random", "capacity": 15, "recent": 2"#,
      #"{"policy": "composed", "score": "keydiff", "budget": {"kind": "even", "rows": 16}"#,
    ],
    [
      #""codec": {"kind": "kivi", "groupSize": 4, "residual": 4}"#,
      #""codec": {"kind": "kivi", "groupSize": 4, "residual": 8, "keys": "think"}"#,
      #""keys": {"kind": "think", "keyChannelRatio": 0.5, "recent": 3}"#,
      #""codec": {"kind": "mikv", "highBits": 8}"#,
    ])
  func everyCodec(policy: String, codec: String) throws {
    let alone = try engine(PolicyConfiguration(parsing: policy + "}"))
    let coded = try engine(PolicyConfiguration(parsing: policy + ", " + codec + "}"))
    for engine in [alone, coded] { try engine.read(40, chunk: 16) }
    #expect(coded.sequence.codedRows(layer: 1, head: 1).keys > 0)
    for engine in [alone, coded] { try engine.step(12) }
    let fork = coded.fork()
    for engine in [alone, coded, fork] {
      try engine.step(9)
      try engine.read(11, chunk: 4)
      try engine.step(9)
    }
    #expect(coded.outputs == fork.outputs)
    #expect(coded.outputs.allSatisfy { $0.allSatisfy(\.isFinite) })
    // Codes change scores, so other rows may be kept, but as many in all.
    #expect(
      coded.keptNow.reduce(0) { $0 + $1.count } == alone.keptNow.reduce(0) { $0 + $1.count })
    #expect(coded.sequence.store.checkInvariants([coded.sequence, fork.sequence]) == nil)
  }

  @Test(
    "refuses what no rows can have",
    arguments: [
      (["groupSize": 12, "residual": 16], "groups of 12 do not divide"),
      (["groupSize": 32, "residual": 32], "groups of 32 channels do not divide the 16 channels"),
      (["keyBits": 5], "'keyBits' is 5; use 2, 3, 4 or 8"),
      (["keyBits": 1], "from 2 to 8"), (["valueBits": 16], "from 2 to 8"),
      (["residual": 0], "from 1 to"), (["groupSize": 0], "from 1 to 256"),
      (["groupSize": 512, "residual": 512], "from 1 to 256"), (["bits": 4], "bits"),
    ] as [([String: JSONValue], String)])
  func refusals(_ settings: [String: JSONValue], _ reason: String) throws {
    let given = ["groupSize": 8, "residual": 16].merging(settings) { $1 } as [String: JSONValue]
    let error = #expect(throws: PolicyError.self) {
      try PolicyConfiguration("kivi", given).makePolicies(.all, shape: shape)
    }
    #expect("\(error.map { "\($0)" } ?? "")".contains(reason))
  }

  @Test("refuses moved keys, and a second codec")
  func compositions() {
    for configuration in [
      PolicyConfiguration("streamingllm", ["codec": small]),
      PolicyConfiguration("kivi", ["groupSize": 8, "residual": 16, "codec": small]),
    ] {
      #expect(throws: PolicyError.self) {
        try configuration.makePolicies(.all, shape: shape)
      }
    }
  }
}
