import KVPolicyKit
import KVPolicyTesting
import Synchronization
import Testing

@testable import Policies

@Suite("Vectors of what is read")
struct ReadVectorTests {
  /// Notes the bounds of every lane's pages.
  private struct BoundsNote: RowReader {
    static let name = "note"
    static let summary = "notes bounds"
    static let source = "a test"

    final class Box: Sendable {
      let bounds = Mutex<[[Float]]>([])
    }

    let page: Int
    let box = Box()
    var digest: PageDigest? { PageDigest(rows: page) }
    init(page: Int) { self.page = page }
    init(_ settings: inout Settings) throws(PolicyError) { page = 1 }
    static func settings(rows: Int) -> [String: JSONValue] { [:] }
    mutating func read(_ layer: borrowing LayerView, plan: inout ReadPlan) {
      for head in 0..<layer.shape.keyHeads {
        var lane: [Float] = []
        layer.lane(head).pageBounds(into: &lane)
        box.bounds.withLock { $0.append(lane) }
      }
    }
  }

  @Test("Quest's bounds are those of its code")
  func bounds() throws {
    for item in try UnitVectors(file: "quest-unit-bounds").items() {
      let (keys, query) = (try item.tensor("keys"), try item.tensor("query"))
      let want = try item.tensor("bounds_all")
      let (heads, rows, width) = (keys.shape[0], keys.shape[1], keys.shape[2])
      let source = SyntheticAttention(
        shape: CacheShape(layers: 1, keyHeads: heads, queryHeads: heads, headDimension: width),
        query: { _, head, _ in Array(query.values[head * width..<(head + 1) * width]) },
        key: { _, head, position in
          let first = (head * rows + position) * width
          return Array(keys.values[first..<first + width])
        }, value: { _, _, _ in Array(repeating: 0, count: width) })
      let note = BoundsNote(page: try #require(item.fields["page"]?.wholeNumber))
      let engine = try PlainEngine(source, policy: FullCache([:]), reader: note)
      try engine.read(rows - 1)
      try engine.step()
      let found = note.box.bounds.withLock { $0.flatMap { $0 } }
      #expect(found.count == want.values.count)
      for (ours, theirs) in zip(found, want.values) { #expect(abs(ours - theirs) < 1e-4) }
    }
  }

  @Test("RefreshKV's sets, and the order in which rows leave them, are those of our reference")
  func sets() throws {
    for item in try UnitVectors(file: "refreshkv-unit-select").items() {
      let rows = try item.tensor("probabilities")
      let width = rows.shape[1]
      let heads = (0..<rows.shape[0]).map { Array(rows.values[$0 * width..<($0 + 1) * width]) }
      let ranking = RefreshKV.ranking(
        GroupReduction.max(heads), partial: try #require(item.fields["partial"]?.wholeNumber),
        kernel: try #require(item.fields["kernel"]?.wholeNumber), pool: .max)
      #expect(ranking == item.fields["eviction_order"]?.integers)
    }
  }

  @Test("ClusterKV's clusters are those of its code")
  func clusters() throws {
    for item in try UnitVectors(file: "clusterkv-unit-kmeans").items() {
      let (keys, centroids, labels) = (
        try item.tensor("keys"), try item.tensor("centroids"), try item.tensor("labels")
      )
      let (heads, rows, width) = (keys.shape[0], keys.shape[1], keys.shape[2])
      let count = try #require(item.fields["clusters"]?.wholeNumber)
      for head in 0..<heads {
        let made = KeyClusters(
          Array(keys.values[head * rows * width..<(head + 1) * rows * width]), width: width,
          clusters: count, iterations: try #require(item.fields["iterations"]?.wholeNumber))
        #expect(
          made.labels.map { Float($0) } == Array(labels.values[head * rows..<(head + 1) * rows]))
        let want = centroids.values[head * count * width..<(head + 1) * count * width]
        #expect(made.centroids.count == want.count)
        for (ours, theirs) in zip(made.centroids, want) { #expect(abs(ours - theirs) < 1e-5) }
      }
    }
  }
}
