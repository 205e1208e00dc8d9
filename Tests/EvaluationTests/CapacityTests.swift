import Evaluation
import Foundation
import KVPolicyKit
import Policies
import ReferenceModel
import Testing

@Suite("Capacity of a small pool")
struct CapacityTests {
  private let model: LlamaModel
  /// Bytes of a page of sixteen f32 rows.
  private let pageBytes = 16 * 2 * 16 * 4

  init() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/oracle/models/llama").path
    model = LlamaModel(try ModelFiles.open(folder), threads: 1)
  }

  /// A pool that holds three sequences of full attention that read 96 tokens, but not four.
  private func capacity() -> Capacity {
    var capacity = Capacity(model: model, registry: .all)
    (capacity.promptTokens, capacity.generatedTokens, capacity.measuredSteps) = (24, 72, 8)
    (capacity.store, capacity.chunk) = (StoreConfiguration(format: .f32), 16)
    // Six pages for each of the six lanes, and the store's bookkeeping for pages and rows.
    let sequence = 6 * (6 * pageBytes + 96 * 8 + 6 * 24)
    capacity.poolBytes = 4 * sequence - 1
    return capacity
  }

  private func entry(_ name: String, _ settings: [String: JSONValue] = [:]) -> PolicyEntry {
    PolicyEntry(PolicyConfiguration(name, settings))
  }

  @Test("as many sequences run as fit at their largest, and those that grow run to the end")
  func growing() throws {
    let report = try capacity().run([entry("full")])
    let row = try #require(report.rows.first)
    #expect(row.sequences == 3 && row.fitting == 3 && row.fullAt == nil)
    #expect(row.steps == 72 && row.timedSteps == 72 && row.rowsPerLane == 96)
    #expect(row.bytesPerSequence == 6 * (6 * pageBytes + 96 * 8 + 6 * 24))
    #expect(row.bytesInUse == 3 * row.bytesPerSequence && row.policyBytes == 0)
    #expect(try #require(row.tokensPerSecond) > 0)
  }

  @Test("where nothing changes any more only some steps run; a policy's own memory counts")
  func constant() throws {
    let entries = [
      entry("streamingllm", ["sinks": 2, "recent": 14]), entry("h2o", ["heavy": 8, "recent": 8]),
      entry("morphkv", ["capacity": 16, "window": 8]),
    ]
    let capacity = capacity()
    let rows = try capacity.run(entries).rows
    for row in rows {
      #expect(row.steps < 24 && row.timedSteps == 8 && row.fullAt == nil)
      // While the last prompt is read, it needs pages for a whole chunk, which it gives back
      // afterwards.
      #expect(row.sequences <= capacity.poolBytes / row.bytesPerSequence && row.sequences > 3)
      #expect(row.bytesInUse <= capacity.poolBytes)
    }
    #expect(rows[0].policyBytes == 0 && rows[2].policyBytes > rows[1].policyBytes)
    #expect(rows[0].sequences >= rows[1].sequences && rows[1].sequences > rows[2].sequences)
    #expect(rows.map(\.rowsPerLane) == [16, 16, 17])
  }

  @Test("a pool too small for one says at which token it was full, whatever the others do")
  func tooSmall() throws {
    var capacity = capacity()
    capacity.poolBytes = 6 * (2 * pageBytes + 40 * 8 + 2 * 24)
    let rows = try capacity.run([
      entry("full"), entry("snapkv", ["capacity": 16, "window": 4]),
      entry("streamingllm", ["sinks": 2, "recent": 14]),
    ]).rows
    #expect(rows.map(\.sequences) == [0, 0, 1])
    // The prompt's last chunk needs 24 rows of pages; two pages hold 32.
    #expect(rows[0].fullAt == 32 && rows[2].fullAt == nil)
    #expect(rows[0].tokensPerSecond == nil && rows[0].steps == 0 && rows[0].bytesInUse == 0)
    // The prompt alone may be too long.
    capacity.promptTokens = 40
    #expect(try capacity.run([entry("full")]).rows[0].fullAt == 32)
  }

  @Test("no more run than are allowed, and the report says that more would fit")
  func most() throws {
    var capacity = capacity()
    capacity.mostSequences = 2
    let report = try capacity.run([entry("full"), entry("streamingllm", ["recent": 12])])
    #expect(report.rows.map(\.sequences) == [2, 2])
    #expect(report.rows[0].fitting == 3 && report.rows[1].fitting > 3)
    #expect(report.table.contains("\nfull               +         2+ "))
    #expect(report.table.split(separator: "\n").allSatisfy { $0.count <= 80 })
    #expect(report.table.contains("; --wide shows them\n"))
    #expect(report.wideTable.contains("  of pool  state  rows/lane  "))
    #expect(!report.wideTable.contains("left out"))
    let lines = report.csv.split(separator: "\n")
    #expect(lines.count == 3 && lines[0].hasPrefix("label,configuration,sequences,fitting,"))
    let read = try JSONDecoder().decode(CapacityReport.self, from: Data(report.json().utf8))
    #expect(read == report)
  }

  @Test("progress ends in every run where it said it would not go beyond")
  func progress() throws {
    var shown: [RunProgress] = []
    _ = try capacity().run([entry("full"), entry("tova", ["capacity": 8])]) { shown.append($0) }
    #expect(Set(shown.map(\.run)) == [0, 1, 2] && shown.allSatisfy { $0.runs == 3 })
    #expect(shown.allSatisfy { $0.tokens <= $0.totalTokens })
  }

  @Test("impossible sizes are refused before anything runs")
  func refused() throws {
    var several = Array(repeating: capacity(), count: 6)
    several[0].promptTokens = 0
    several[1].generatedTokens = -1
    several[2].measuredSteps = 0
    several[3].mostSequences = 0
    several[4].chunk = 0
    for capacity in several[..<5] {
      #expect(throws: ModelError.self) {
        try capacity.run([entry("full")]) { _ in Issue.record("it ran") }
      }
    }
    several[5].poolBytes = pageBytes
    #expect(throws: StoreError.self) { try several[5].run([entry("full")]) }
    #expect(throws: ModelError.self) { try capacity().run([]) }
    #expect(throws: PolicyError.self) { try capacity().run([entry("nope")]) }
  }
}
