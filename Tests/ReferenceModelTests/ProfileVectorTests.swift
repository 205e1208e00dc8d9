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

  private func heads(_ value: JSONValue?) -> [[Bool]] {
    value?.list.map { ($0.integers ?? []).map { $0 == 1 } } ?? []
  }

  private func table(_ value: JSONValue?) -> Tensor {
    let rows = value?.list.map { $0.list.map { Float($0.realNumber ?? .nan) } } ?? []
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

  static let baklava = OracleCase.named("baklava-")

  @Test("give all lanes the same rows where nothing was measured, and lose no row to rounding")
  func shares() {
    let rule = LaneMeasures.Rule(capacity: 7, floor: 2, layerExponent: 0)
    #expect(LaneMeasures.shares([0, 0, 0], rule) == [7, 7, 7])
    #expect(LaneMeasures.shares([1, 1, 2], rule) == [6, 6, 9])
    #expect(LaneMeasures.shares([0, 0, 1], rule) == [2, 2, 17])
  }
}
