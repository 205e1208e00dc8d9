import Foundation
import KVPolicyKit
import ReferenceModel
import Testing

@testable import Policies

@Suite("Profiles of heads and lanes")
struct ProfileVectorTests {
  private func unit(_ name: String) throws -> [String: JSONValue] {
    let path = OracleCase.root + "/units/\(name).json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    guard case .object(let object) = try JSONValue.parse(text) else { return [:] }
    return object
  }

  private func numbers(_ value: JSONValue?) -> [[Double]] {
    value?.list.map { $0.list.map { $0.realNumber ?? .nan } } ?? []
  }

  private func heads(_ value: JSONValue?) -> [[Bool]] {
    value?.list.map { ($0.integers ?? []).map { $0 == 1 } } ?? []
  }

  private func table(_ value: JSONValue?) -> Tensor {
    let rows = numbers(value).map { $0.map { Float($0) } }
    return Tensor(shape: [rows.count, rows[0].count], values: rows.flatMap { $0 })
  }

  @Test("name the full heads that DuoAttention's code names at each sparsity")
  func duoAttention() throws {
    let contents = try unit("duo-unit-sparsify")
    let path = OracleCase.root + "/units/duo-unit-sparsify.tsv"
    let read = try ArtifactFiles().artifact(at: path).tensor(Artifact.table, shape: [3, 4])
    guard case .object(let sparsities)? = contents["by_sparsity"] else { return }
    #expect(sparsities.count == 6)
    for (word, want) in sparsities {
      guard case .object(let want) = want else { continue }
      let sparsity = try #require(Double(word))
      #expect(want["depends_on_noise"] == .bool(false))
      #expect(
        HeadProfile.fullHeads(read, sparsity: sparsity) == heads(want["full_heads"]), "\(word)")
    }
  }

  @Test("keep the full heads of PruLong's exported tables, at the sparsity of each")
  func prulong() throws {
    let contents = try unit("prulong-unit-export")
    guard case .object(let sparsities)? = contents["by_sparsity"] else { return }
    #expect(sparsities.count == 8)
    for (word, want) in sparsities {
      guard case .object(let want) = want, let sparsity = Double(word) else { continue }
      let exported = heads(want["global"])
      let full = HeadProfile.fullHeads(table(want["global"]), sparsity: sparsity)
      // The export rounds the number of heads down, the quantile rounds it up.
      let surplus = full.joined().count { $0 } - exported.joined().count { $0 }
      #expect((0...1).contains(surplus), "\(word)")
      #expect(zip(exported.joined(), full.joined()).allSatisfy { !$0 || $1 }, "\(word)")
    }
  }

  @Test(
    "are derived from what PruLong trains by its rule without chance",
    arguments: ["prulong-unit-mask", "prulong-unit-mask-mha", "prulong-unit-export"])
  func gates(_ name: String) throws {
    let contents = try unit(name)
    let logAlpha = numbers(contents["log_alpha"])
    #expect(!logAlpha.isEmpty)
    func compare(_ ours: [[Double]], _ want: [[Double]]) {
      #expect(ours.map(\.count) == want.map(\.count))
      for (one, other) in zip(ours.joined(), want.joined()) { #expect(abs(one - other) < 1e-6) }
    }
    compare(logAlpha.map(HardConcrete.gates), numbers(contents["deterministic_mask"]))
    guard contents["prob_zero"] != nil else { return }
    compare(
      logAlpha.map { $0.map(HardConcrete.probabilityOfZero) }, numbers(contents["prob_zero"]))
  }

  @Test("are PruLong's exports where an artifact holds what it trains")
  func trained() throws {
    let contents = try unit("prulong-unit-export")
    let logAlpha = table(contents["log_alpha"])
    let shape = CacheShape(
      layers: logAlpha.shape[0], keyHeads: logAlpha.shape[1], queryHeads: logAlpha.shape[1],
      headDimension: 2)
    guard case .object(let sparsities)? = contents["by_sparsity"] else { return }
    for (word, want) in sparsities {
      guard case .object(let want) = want, let sparsity = Double(word) else { continue }
      let policy = try PruLong(
        ["headTable": "a", "sparsity": .number(sparsity)], shape: shape,
        artifacts: OneTensor(name: "logAlpha", tensor: logAlpha))
      let full = policy.streaming.profile.isFull
      #expect(full.joined().count { $0 } == want["count"]?.wholeNumber, "\(word)")
      // Where heads of gates that are 0 have to be full, the published code draws them by lot.
      guard want["decided_by_log_alpha"] == .bool(true) else { continue }
      #expect(full == heads(want["global"]), "\(word)")
    }
  }

  @Test("of trained numbers have the model's shape, and a table beside them comes first")
  func trainedShape() throws {
    let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 2, headDimension: 2)
    func isFull(_ tensors: [String: Tensor]) throws -> [[Bool]] {
      let source = OneTensor(tensors: tensors)
      return try DuoAttention(["headTable": "a"], shape: shape, artifacts: source)
        .streaming.profile.isFull
    }
    let low = Tensor(shape: [2, 2], values: [9, 9, -9, -9])
    let high = Tensor(shape: [2, 2], values: [0, 0, 1, 1])
    #expect(try isFull(["logAlpha": low]) == [[true, true], [false, false]])
    #expect(try isFull(["logAlpha": low, "table": high]) == [[false, false], [true, true]])
    for values in [[0, 0], [0, 0, 0, Float.infinity]] {
      let bad = Tensor(shape: [values.count / 2, 2], values: values)
      #expect(throws: PolicyError.self) { try isFull(["logAlpha": bad]) }
    }
  }

  @Test("ReFreeKV drops as many rows of one attention as its code, at eight thresholds")
  func cuts() throws {
    let contents = try unit("refreekv-unit-cuts")
    let one = OracleCase(
      name: "cuts", file: "units/refreekv-unit-cuts.json", origin: .published,
      configurationBeside: nil)
    let rows = try one.tensor("row", contents)
    let sinks = try #require(contents["sinks"]?.wholeNumber)
    let window = try #require(contents["window"]?.wholeNumber)
    let thresholds = try #require(contents["epsilon"]?.list.map { $0.realNumber ?? .nan })
    guard case .object(let orders)? = contents["orders"] else { return }
    #expect(orders.count == 3 && thresholds.count == 8)
    for (name, order) in orders {
      guard case .object(let order) = order else { continue }
      let lanes = rows.enumerated().map { head, row in
        let candidates =
          switch name {
          case "position": Array(sinks..<row.count)
          case "perHeadAscending":
            (0..<row.count - window).sorted { (row[$0], $0) < (row[$1], $1) }
          default: order["order"]?.list[head].integers ?? []
          }
        return (order: candidates, squares: [row.map { $0 * $0 }])
      }
      #expect(
        thresholds.map { ReFreeKV.cut(lanes, $0) } == order["cut"]?.integers, "\(name)")
    }
  }

  @Test("that tie name as many heads as if they did not, the first of them")
  func ties() {
    let table = Tensor(shape: [2, 3], values: [1, 0, 7, -3, 0, 0])
    func count(_ sparsity: Double) -> Int {
      HeadProfile.fullHeads(table, sparsity: sparsity).joined().count { $0 }
    }
    #expect(
      HeadProfile.fullHeads(table, sparsity: 0.5) == [[true, true, true], [false, false, false]])
    #expect([0, 0.2, 0.4, 0.6, 0.8, 0.9, 1].map(count) == [6, 5, 4, 3, 2, 1, 0])
  }

  @Test("give lanes the rows that were computed from their measures", arguments: baklava)
  func lanes(_ one: OracleCase) throws {
    let contents = try one.contents()
    guard case .object(let policy)? = contents["policy"] else { return }
    let measures = Artifact(
      digest: "",
      tensors: [
        "heads": table(contents["head_measure"]),
        "layers": Tensor(
          shape: [contents["layer_measure"]?.list.count ?? 0],
          values: contents["layer_measure"]?.list.map { Float($0.realNumber ?? .nan) } ?? []),
      ])
    let shape = try OracleModels.load(contents).shape
    let rule = LaneMeasures.Rule(
      capacity: try #require(policy["capacity_mean"]?.wholeNumber),
      floor: try #require(policy["floor"]?.wholeNumber),
      layerExponent: try #require(policy["layer_exponent"]?.realNumber))
    let rows = try LaneMeasures(measures, shape).budgets(rule)
    #expect(rows == contents["budgets"]?.list.map { $0.integers ?? [] })
  }

  @Test("are measured on a text as the program did that made the cases", arguments: baklava)
  func measures(_ one: OracleCase) throws {
    let contents = try one.contents()
    let texts = contents["calibration"]?.list.map { $0.integers ?? [] } ?? []
    let change = try OracleModels.load(contents).attentionChange(over: texts, chunk: 16)
    let heads = table(contents["head_measure"]).values
    let layers = contents["layer_measure"]?.list.map { Float($0.realNumber ?? .nan) } ?? []
    #expect(change.heads.count == heads.count && change.layers.count == layers.count)
    for (ours, want) in zip(change.heads + change.layers, heads + layers) {
      #expect(abs(ours - want) < 1e-5)
    }
  }

  static let baklava = OracleCase.named("baklava-")

  @Test("give all lanes the same rows where nothing was measured, and lose no row to rounding")
  func shares() {
    let rule = LaneMeasures.Rule(capacity: 7, floor: 2, layerExponent: 0)
    #expect(LaneMeasures.shares([0, 0, 0], rule) == [7, 7, 7])
    #expect(LaneMeasures.shares([1, 1, 2], rule) == [6, 6, 9])
    #expect(LaneMeasures.shares([0, 0, 1], rule) == [2, 2, 17])
  }
}

/// A source of one artifact, whatever the path.
private struct OneTensor: ArtifactSource {
  let tensors: [String: Tensor]

  init(name: String, tensor: Tensor) { tensors = [name: tensor] }
  init(tensors: [String: Tensor]) { self.tensors = tensors }

  func artifact(at path: String) -> Artifact {
    Artifact(digest: String(repeating: "0", count: 64), tensors: tensors)
  }
}
