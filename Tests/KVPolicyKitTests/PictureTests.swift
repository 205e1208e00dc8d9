import KVPolicyKit
import KVPolicyTesting
import Testing

@Suite("A picture of the cache") struct PictureTests {
  private func engine(keeping rows: some Sequence<Int>, of tokens: Int) throws -> PlainEngine {
    let engine = try paintedEngine()
    try engine.read(tokens)
    try engine.edit { $0.keep(rows, of: $1) }
    return engine
  }

  @Test("shows one character a token when the text fits")
  func short() throws {
    let sequence = try engine(keeping: [0, 1, 5, 9], of: 10).sequence
    #expect(sequence.picture(layer: 0, head: 0) == "##...#...#")
    #expect(sequence.picture() == "layer 0 head 0 |##...#...#| 4/10")
  }

  @Test("shows all, half, some or none of several tokens when it does not")
  func long() throws {
    // One character per four tokens; the last character stands for two tokens.
    let kept = [0, 1, 2, 3, 4, 5, 8, 16, 17]
    let sequence = try engine(keeping: kept, of: 18).sequence
    #expect(sequence.picture(layer: 0, head: 0, width: 5) == "#+-.#")
  }

  @Test("tells rows that a step read from rows that it did not")
  func read() throws {
    let sequence = try engine(keeping: [0, 1, 2, 3, 4, 5, 8, 16, 17], of: 18).sequence
    func picture(_ width: Int, _ read: [Int]) -> String {
      sequence.picture(layer: 0, head: 0, width: width, read: Set(read))
    }
    #expect(picture(18, [0, 1, 8]) == "##oooo..#.......oo")
    // Whatever was read is drawn by its share of the place; what is gone counts for nothing.
    #expect(picture(5, [0, 1, 4, 7]) == "+-o.o")
    #expect(picture(5, Array(0..<18)) == sequence.picture(layer: 0, head: 0, width: 5))
  }

  @Test("has a line for each lane of the layers asked for")
  func lanes() throws {
    let engine = try paintedEngine(.small)
    try engine.read(3)
    let lines = engine.sequence.picture(layers: 1..<9).split(separator: "\n")
    #expect(lines == ["layer 1 head 0 |###| 3/3", "layer 1 head 1 |###| 3/3"])
    #expect(engine.sequence.picture(layers: 5..<9).isEmpty)
  }

  @Test(
    "takes any width, and is empty before the first token", arguments: [Int.min, -1, 0, 1, .max])
  func widths(_ width: Int) throws {
    let engine = try paintedEngine()
    #expect(engine.sequence.picture(layer: 0, head: 0, width: width).isEmpty)
    try engine.read(9)
    let picture = engine.sequence.picture(layer: 0, head: 0, width: width)
    #expect(picture == (width > 9 ? "#########" : "#"))
  }

  @Test("can be taken while a plan is being made, the current token included")
  func duringStep() throws {
    let engine = try PlainEngine(
      .weights { _, _ in 1 },
      policy: Scripted { cache, plan in
        if case .step = cache.moment { plan.drop(0, of: LaneID(layer: 0, head: 0)) }
      })
    try engine.read(4)
    var pictures: [String] = []
    let sequence = engine.sequence
    sequence.onPlan = { [unowned sequence] _, _ in
      pictures.append(sequence.picture(layer: 0, head: 0))
    }
    try engine.step(2)
    #expect(pictures == ["#####", ".#####"])
    sequence.onPlan = nil
  }
}
