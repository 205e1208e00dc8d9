import Foundation
import KVPolicyKit
import Policies
import ReferenceModel
import Testing

@testable import Evaluation

@Suite("Spread")
struct SpreadTests {
  @Test(
    "the median is the middle of the sorted values",
    arguments: [
      ([3.0], [3.0, 3, 3]), ([5, 1], [3, 1, 5]), ([9, 1, 2], [2, 1, 9]),
      ([4, 1, 3, 2], [2.5, 1, 4]), ([7, 7, 7, 1, 8], [7, 1, 8]),
      (
        [.greatestFiniteMagnitude, .greatestFiniteMagnitude],
        Array(repeating: .greatestFiniteMagnitude, count: 3)
      ),
    ])
  func median(_ values: [Double], _ expected: [Double]) {
    let spread = Spread(values)
    #expect([spread.median, spread.least, spread.most] == expected)
  }

  @Test("any order gives what sorting and counting give")
  func order() {
    var random = SplitMix64(seed: 7)
    for count in 1...40 {
      let values = (0..<count).map { _ in Double(Int.random(in: 0..<9, using: &random)) }
      let spread = Spread(values.shuffled(using: &random))
      // At most half of the values lie on either side of the median.
      #expect(2 * values.count { $0 < spread.median } <= count)
      #expect(2 * values.count { $0 > spread.median } <= count)
      #expect(spread.least == values.min() && spread.most == values.max())
    }
  }

  @Test("the least time is the greatest speed")
  func rate() {
    let rate = Spread([2, 4, 8]).rate(16)
    #expect([rate.median, rate.least, rate.most] == [4, 2, 8])
  }
}

@Suite("The machine's floor")
struct MachineFloorTests {
  @Test("is positive and finite for every number of threads, and each is measured once")
  func measured() {
    let meter = FloorMeter(threads: 3, memoryBytes: 8 << 20)
    meter.measure(rounds: 3)
    let floor = meter.floor
    #expect(floor.teams.map(\.threads) == [1, 2, 3])
    for team in floor.teams {
      for speed in [team.readBandwidth, team.cacheBandwidth, team.operationRate] {
        #expect(speed.least > 0 && speed.least <= speed.median)
        #expect(speed.median <= speed.most && speed.most.isFinite)
      }
    }
  }

  @Test("two threads compute more than one, where there are two processors")
  func threads() {
    guard ProcessInfo.processInfo.activeProcessorCount > 1 else { return }
    let meter = FloorMeter(threads: 2, memoryBytes: 8 << 20)
    // Other tests run at the same time, so only some rounds have two processors to themselves.
    var best = (0.0, 0.0)
    for _ in 0..<200 where best.1 <= best.0 {
      meter.measure()
      let teams = meter.floor.teams
      best = (teams[0].operationRate.median, teams[1].operationRate.most)
    }
    #expect(best.1 > best.0)
  }

  @Test("is the longer of moving and computing")
  func seconds() {
    let team = MachineFloor.Team(
      threads: 1, readBandwidth: Spread([10]), cacheBandwidth: Spread([99]),
      operationRate: Spread([100]))
    #expect(team.seconds(bytes: 50, operations: 100) == 5)
    #expect(team.seconds(bytes: 50, operations: 1000) == 10)
  }

  @Test(
    "doubles the threads up to those asked for",
    arguments: [
      (1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (8, [1, 2, 4, 8]), (12, [1, 2, 4, 8, 12]),
    ])
  func sizes(_ threads: Int, _ sizes: [Int]) {
    #expect(MachineFloor.teamSizes(upTo: threads) == sizes)
  }

  @Test("a buffer's parts sum up to the whole, and none is read twice", arguments: [1, 2, 3, 7])
  func parts(_ parts: Int) {
    let buffer = ReadBuffer(bytes: 32 * 1001)
    let sum = (0..<parts).reduce(Float(0)) { $0 + buffer.sum(part: $1, of: parts) }
    #expect(sum == 8 * 1001)
    #expect(buffer.sum(part: 0, of: 1, from: 0.5) == 8 * 1001 + 4)
  }
}

/// The bytes and operations of a step, against figures from the models' files.
@Suite("The cost of a token")
struct TokenCostTests {
  private static let models = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures/oracle/models")

  /// Bytes of a model's matrices, from the sizes in the header of its file.
  private static func matrices(_ name: String) throws -> [String: Int] {
    let file = try Data(
      contentsOf: models.appendingPathComponent(name + "/model.safetensors"))
    let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    guard
      case .object(let header) = try JSONValue.parse(
        String(decoding: file.dropFirst(8).prefix(length), as: UTF8.self))
    else { return [:] }
    var bytes: [String: Int] = [:]
    for case (let name, .object(let tensor)) in header {
      guard case .array(let ends)? = tensor["data_offsets"], ends.count == 2,
        case .array(let shape)? = tensor["shape"], shape.count == 2,
        let start = ends[0].wholeNumber, let end = ends[1].wholeNumber
      else { continue }
      bytes[name] = end - start
    }
    return bytes
  }

  private func session(_ name: String) throws -> LlamaSession {
    let model = LlamaModel(
      try ModelFiles.open(Self.models.appendingPathComponent(name).path), threads: 1)
    let policies = try PolicyConfiguration("full").makePolicies(.all, shape: model.shape)
    return model.makeSession(try PagedKVStore(shape: model.shape).makeSequence(policies))
  }

  @Test("of a step: each matrix once, a row of the embedding, and the rows of the cache")
  func untied() throws {
    let matrices = try Self.matrices("llama")
    let embedding = try #require(matrices["model.embed_tokens.weight"])
    let other = matrices.values.reduce(0, +) - embedding
    let cost = TokenCost.step(rowsRead: 10, session: try session("llama"))
    // The model knows 64 tokens; a key and a value are 16 halves each.
    #expect(cost.bytes == Double(other + embedding / 64 + 10 * 2 * 16 * 2))
    // 4 bytes an element, two operations; two query heads a lane, 16 products each with the key and
    // the value.
    #expect(cost.operations == Double(2 * other / 4 + 10 * 2 * 2 * 2 * 16))
  }

  @Test("of a step with a tied head: the embedding counts once as the head, and a row of it")
  func tied() throws {
    let matrices = try Self.matrices("llama-tied")
    #expect(matrices["lm_head.weight"] == nil)
    let all = matrices.values.reduce(0, +)
    let cost = TokenCost.step(rowsRead: 0, session: try session("llama-tied"))
    #expect(cost.bytes == Double(all + 64 * 4))
    #expect(cost.operations == Double(2 * all / 4))
  }

  @Test("of a prompt: matrices once, every row once, the head's operations for one token")
  func prompt() throws {
    let matrices = try Self.matrices("llama")
    let embedding = try #require(matrices["model.embed_tokens.weight"])
    let head = try #require(matrices["lm_head.weight"])
    let layers = matrices.values.reduce(0, +) - embedding - head
    let session = try session("llama")
    // 3 layers, 2 key heads: 5 tokens are 15 row-steps a lane.
    let cost = TokenCost.prompt(5, rowsRead: 90, session: session)
    #expect(cost.bytes == Double(layers + head + 5 * 64 * 4 + 5 * 6 * 64))
    #expect(cost.operations == Double(5 * 2 * layers / 4 + 2 * head / 4 + 90 * 128))
  }
}
