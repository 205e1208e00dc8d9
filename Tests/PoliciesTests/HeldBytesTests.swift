import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

/// Bytes held at the end of a text, against the closed forms of the papers, of 16-bit floats.
///
/// A formula counts keys, values, scales and zeros. The store's bookkeeping is stated apart, as is
/// what it holds beyond a formula: a row whose key is coded and whose value is not keeps its place
/// for the key. A page that is begun is stated too; most lengths leave none.
@Suite("The bytes held") struct HeldBytesTests {
  private let shape = CacheShape(layers: 1, keyHeads: 2, queryHeads: 2, headDimension: 64)
  private var width: Int { shape.headDimension }
  /// Bytes of a float.
  private let float = 2
  /// Rows of a page.
  private let page = 16

  private func run(
    _ policy: String, _ settings: [String: JSONValue], prompt: Int, steps: Int
  ) throws -> CacheStatistics {
    let store = try PagedKVStore(
      shape: shape, configuration: StoreConfiguration(pageRows: page, format: .f16))
    let policies = try PolicyConfiguration(policy, settings).makePolicies(.all, shape: shape)
    let engine = PlainEngine(
      .random(shape: shape, seed: 4, rotaryBase: 100), sequence: store.makeSequence(policies))
    engine.remembers = false
    try engine.read(prompt)
    try engine.step(steps)
    #expect(engine.sequence.checkInvariants() == nil)
    return engine.sequence.statistics
  }

  /// Bytes of a row of codes with scales of its own.
  private func coded(_ bits: Int, group: Int) -> Int {
    width * bits / 8 + width / group * 2 * float
  }

  /// Checks the bytes of rows against a formula per lane, and all bytes but the policy's against
  /// the rows and the bookkeeping: of each row a position and a slot, of each coded row two places,
  /// of each page 24 bytes, and of each block 32.
  private func check(
    _ statistics: CacheStatistics, formula: Int, rows: Int, blocks: Int,
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    let tiers = try #require(statistics.tiers)
    let held = tiers.reduce(0) { $0 + $1.bytes }
    let want = shape.lanes * formula
    #expect(
      abs(held - want) * 50 <= want, "\(held), not \(want): \(tiers)", sourceLocation: location)
    #expect(
      tiers.reduce(0) { $0 + $1.keys } == shape.lanes * rows
        && tiers.reduce(0) { $0 + $1.values } == shape.lanes * rows, sourceLocation: location)
    let bookkeeping = shape.lanes * (rows * (8 + 8) + rows / page * 24 + blocks * 32)
    let resident = statistics.residentBytes - statistics.policyStateBytes
    #expect(
      abs(resident - want - bookkeeping) * 50 <= want + bookkeeping,
      "\(resident), not \(want) + \(bookkeeping)", sourceLocation: location)
  }

  /// KIVI's keys are coded in blocks of the residual as soon as they are full, values one by one
  /// (arXiv 2402.02750, section 3.3): ⌊n/R⌋ · R keys with two floats a channel for each group of
  /// rows, and n − R values with two floats for each group of channels.
  private func kivi(rows: Int, bits: Int) -> (bytes: Int, keys: Int, values: Int) {
    let (group, residual) = (32, 128)
    let (keys, values) = (rows / residual * residual, rows - residual)
    let codes = keys * width * bits / 8 + keys / group * width * 2 * float
    let floats = (rows - keys + residual) * width * float
    return (codes + values * coded(bits, group: group) + floats, keys, values)
  }

  @Test("of KIVI are within 2 % of its formula", arguments: [2, 4, 8])
  func kivi(bits: Int) throws {
    let settings: [String: JSONValue] = ["keyBits": .integer(bits), "valueBits": .integer(bits)]
    let statistics = try run("kivi", settings, prompt: 607, steps: 32)
    let (bytes, keys, values) = kivi(rows: 639, bits: bits)
    // The newest 128 rows begin with the last row of a page.
    let begun = page * 2 * width * float
    try check(
      statistics, formula: bytes + begun, rows: 639, blocks: keys / 32 + (values + 31) / 32)
    let tiers = try #require(statistics.tiers)
    #expect(tiers.map(\.name) == ["f16", "\(bits)-bit"])
    #expect(tiers[1].keys == shape.lanes * keys && tiers[1].values == shape.lanes * values)
    #expect(tiers[0].keys == shape.lanes * 127 && tiers[0].values == shape.lanes * 128)
  }

  @Test("of KIVI are its formula and the places of coded keys, when a block has just been coded")
  func kiviBlock() throws {
    let statistics = try run("kivi", [:], prompt: 608, steps: 32)
    let (bytes, keys, values) = kivi(rows: 640, bits: 2)
    // Of the newest 128 rows the keys are codes and the values are not.
    let places = 128 * width * float
    try check(
      statistics, formula: bytes + places, rows: 640, blocks: keys / 32 + (values + 31) / 32)
  }

  @Test(
    "of MiKV are within 2 % of its formula",
    arguments: [(2, nil), (4, nil), (2, 8)] as [(Int, Int?)])
  func mikv(lowBits: Int, highBits: Int?) throws {
    var settings: [String: JSONValue] = ["lowBits": .integer(lowBits)]
    if let highBits { settings["highBits"] = .integer(highBits) }
    let statistics = try run("mikv", settings, prompt: 300, steps: 340)
    // A fifth of the rows is stored well, all others in groups of half a row (arXiv 2402.18096,
    // section 3.2).
    let high = Int(0.2 * 640)
    let well = highBits.map { coded($0, group: 32) } ?? width * float
    let formula = 2 * (high * well + (640 - high) * coded(lowBits, group: 32))
    let codes = highBits == nil ? 640 - high : 640
    try check(statistics, formula: formula, rows: 640, blocks: 2 * codes / 16)
  }

  @Test("of codes do not grow where rows come and go: the holes of blocks are filled")
  func holes() throws {
    let statistics = try run(
      "random", ["capacity": 128, "recent": 8, "codec": ["kind": "mikv"]], prompt: 200, steps: 200)
    let tiers = try #require(statistics.tiers)
    // 103 of 128 rows are stored in few bits: seven blocks of keys and seven of values.
    #expect(tiers[1].keys == shape.lanes * 103)
    #expect(tiers[1].bytes == shape.lanes * 2 * 7 * 16 * coded(2, group: 32))
  }

  @Test("of ThinK are within 2 % of its formula")
  func think() throws {
    let statistics = try run(
      "think", ["keyChannelRatio": 0.5, "recent": 32], prompt: 608, steps: 32)
    // Of the prompt's keys but the last 32 half of the channels is stored (arXiv 2407.21018,
    // section 3.2).
    let narrow = 608 - 32
    let formula = narrow * (width / 2 + width) * float + (640 - narrow) * 2 * width * float
    try check(statistics, formula: formula, rows: 640, blocks: 2 * narrow / 16)
    #expect(statistics.tiers?.map(\.name) == ["f16", "narrow f16"])
  }

  @Test("of Quest are all rows, and a least and a greatest key for each page", arguments: [16, 32])
  func quest(pageSize: Int) throws {
    let statistics = try run(
      "quest", ["pageSize": .integer(pageSize)], prompt: 600, steps: 40)
    #expect(statistics.tiers == nil)
    // Two numbers a channel and page (arXiv 2406.10774, section 3.3); beside them the store notes 8
    // bytes about a page.
    let digests = 640 / pageSize * 2 * width * float
    let rows = 640 * 2 * width * float
    #expect(statistics.policyStateBytes == shape.lanes * (digests + 640 / pageSize * 8))
    let bookkeeping = 640 * 8 + 640 / page * 24
    let want = shape.lanes * (rows + digests + bookkeeping)
    #expect(abs(statistics.residentBytes - want) * 50 <= want)
  }
}
