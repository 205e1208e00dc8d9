import Foundation
import KVPolicyKit
import KVPolicyTesting
import ReferenceModel
import Synchronization
import Testing

@testable import Policies

@Suite("Vectors of what is read")
struct ReadVectorTests {
  private func items(_ name: String) throws -> [[String: JSONValue]] {
    let path = OracleCase.root + "/units/\(name).json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    guard case .object(let object) = try JSONValue.parse(text) else { return [] }
    return (object["items"]?.list ?? []).compactMap { item in
      if case .object(let members) = item { members } else { nil }
    }
  }

  private func name(_ item: [String: JSONValue]) -> String {
    if case .string(let name)? = item["name"] { name } else { "" }
  }

  /// Numbers of a tensor beside the vectors, whole ones as floats.
  private func tensor(_ name: String, of file: String) throws -> (shape: [Int], values: [Float]) {
    let data = try Data(contentsOf: URL(filePath: "\(OracleCase.root)/units/\(file).safetensors"))
    let length = Int(
      data.prefix(8).enumerated().reduce(UInt64(0)) { $0 | UInt64($1.1) << (8 * $1.0) })
    guard
      case .object(let header) = try JSONValue.parse(
        String(decoding: data.dropFirst(8).prefix(length), as: UTF8.self)),
      case .object(let tensor)? = header[name], let shape = tensor["shape"]?.integers,
      let offsets = tensor["data_offsets"]?.integers
    else { throw ModelError.request("no tensor \(name)") }
    let bytes = Array(data.dropFirst(8 + length + offsets[0]).prefix(offsets[1] - offsets[0]))
    let words = stride(from: 0, to: bytes.count, by: 4).map { index in
      (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[index + $1]) << (8 * UInt32($1)) }
    }
    return (
      shape,
      words.map {
        tensor["dtype"] == .string("I32")
          ? Float(Int32(bitPattern: $0)) : Float(bitPattern: $0)
      }
    )
  }

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
    let file = "quest-unit-bounds"
    for item in try items(file) {
      let name = name(item)
      let (keys, query) = (
        try tensor("\(name).keys", of: file), try tensor("\(name).query", of: file)
      )
      let want = try tensor("\(name).bounds_all", of: file)
      let (heads, rows, width) = (keys.shape[0], keys.shape[1], keys.shape[2])
      let source = SyntheticAttention(
        shape: CacheShape(layers: 1, keyHeads: heads, queryHeads: heads, headDimension: width),
        query: { _, head, _ in Array(query.values[head * width..<(head + 1) * width]) },
        key: { _, head, position in
          let first = (head * rows + position) * width
          return Array(keys.values[first..<first + width])
        }, value: { _, _, _ in Array(repeating: 0, count: width) })
      let note = BoundsNote(page: try #require(item["page"]?.wholeNumber))
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
    let file = "refreshkv-unit-select"
    for item in try items(file) {
      let rows = try tensor("\(name(item)).probabilities", of: file)
      let width = rows.shape[1]
      let heads = (0..<rows.shape[0]).map { Array(rows.values[$0 * width..<($0 + 1) * width]) }
      let ranking = RefreshKV.ranking(
        GroupReduction.max(heads), partial: try #require(item["partial"]?.wholeNumber),
        kernel: try #require(item["kernel"]?.wholeNumber), pool: .max)
      #expect(ranking == item["eviction_order"]?.integers)
    }
  }

  @Test("ClusterKV's clusters are those of its code")
  func clusters() throws {
    let file = "clusterkv-unit-kmeans"
    for item in try items(file) {
      let name = name(item)
      let (keys, centroids, labels) = (
        try tensor("\(name).keys", of: file), try tensor("\(name).centroids", of: file),
        try tensor("\(name).labels", of: file)
      )
      let (heads, rows, width) = (keys.shape[0], keys.shape[1], keys.shape[2])
      let count = try #require(item["clusters"]?.wholeNumber)
      for head in 0..<heads {
        let made = KeyClusters(
          Array(keys.values[head * rows * width..<(head + 1) * rows * width]), width: width,
          clusters: count, iterations: try #require(item["iterations"]?.wholeNumber))
        #expect(
          made.labels.map { Float($0) } == Array(labels.values[head * rows..<(head + 1) * rows]))
        let want = centroids.values[head * count * width..<(head + 1) * count * width]
        #expect(made.centroids.count == want.count)
        for (ours, theirs) in zip(made.centroids, want) { #expect(abs(ours - theirs) < 1e-5) }
      }
    }
  }
}
