import KVPolicyKit
import Policies
import Testing

@testable import ReferenceModel

@Suite("Lanes of different lengths")
struct RaggedLanesTests {
  @Test("are left by AdaKV, which reads another prompt over them")
  func raggedLanes() throws {
    let model = LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"))
    let session = try makeSession(
      model, PolicyConfiguration("adakv", ["capacity": 16, "window": 4]))
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
}
