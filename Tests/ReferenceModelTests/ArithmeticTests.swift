import KVPolicyKit
import Policies
import Testing

@testable import ReferenceModel

@Suite("A model in integer arithmetic")
struct ArithmeticTests {
  private static let quantised = TensorType.allCases.filter { $0.blockSize > 1 }
  private let tokens = (0..<60).map { ($0 * 5 + $0 / 3) % TinyGGUF.vocabulary }

  private func model(_ tiny: TinyGGUF, threads: Int = 1) throws -> LlamaModel {
    LlamaModel(try openTiny(tiny), threads: threads, arithmetic: .integer)
  }

  /// The vocabulary logits after the prompt and after every step.
  private func run(_ model: LlamaModel, prompt: Int = 20) throws -> [[Float]] {
    let session = try makeSession(model, PolicyConfiguration("full"))
    try session.prefill(Array(tokens[..<prompt]))
    return try [logits(session)]
      + tokens[prompt...].map { token in
        try session.decode(token)
        return logits(session)
      }
  }

  private func logits(_ session: LlamaSession) -> [Float] {
    (0..<session.logits.count).map { session.logits[$0] }
  }

  @Test("reads prompts as ever, and decodes to other logits: a little", arguments: quantised)
  func error(type: TensorType) throws {
    let model = try model(.numbered(type))
    let (exact, integer) = (try run(LlamaModel(model, arithmetic: .exact)), try run(model))
    #expect(exact[0] == integer[0])
    let largest = exact.joined().map { abs($0) }.max() ?? 0
    let worst = zip(exact.joined(), integer.joined()).map { abs($0 - $1) }.max() ?? 0
    // Each input of a layer is off by at most a 254th of the largest input; errors of either sign
    // add up.
    #expect(worst > 0 && worst < largest / 30, "\(worst) of \(largest)")
  }

  @Test("gives the same bits on any number of threads, and in any company", arguments: quantised)
  func company(type: TensorType) throws {
    let alone = try run(try model(.numbered(type)))
    #expect(try run(try model(.numbered(type), threads: 2)) == alone)
    let model = try model(.numbered(type), threads: 2)
    let sessions = try (0..<3).map { _ in try makeSession(model, PolicyConfiguration("full")) }
    for session in sessions { try session.prefill(Array(tokens[..<20])) }
    for (step, token) in tokens[20...].enumerated() {
      try model.decode([token, 1, token], of: sessions)
      #expect(logits(sessions[0]) == alone[step + 1])
      #expect(logits(sessions[2]) == alone[step + 1])
    }
  }

  @Test("leaves floats as they are", arguments: [TensorType.f32, .f16, .bf16])
  func floats(type: TensorType) throws {
    let model = try model(.numbered(type), threads: 2)
    #expect(try run(model) == run(LlamaModel(model, arithmetic: .exact)))
  }

  @Test("says in the words of exact arithmetic that its numbers overflow", arguments: quantised)
  func overflow(type: TensorType) throws {
    var tiny = TinyGGUF.numbered(type)
    tiny.change("blk.0.ffn_norm.weight") {
      $0.data = (0..<TinyGGUF.hidden).flatMap { _ in little(Float(3e38).bitPattern) }
    }
    let model = try model(tiny)
    let errors = [model, LlamaModel(model, arithmetic: .exact)].map { model in
      #expect(throws: SessionError.self) {
        try makeSession(model, PolicyConfiguration("full")).decode(1)
      }
    }
    #expect(errors[0] != nil && errors[0] == errors[1])
  }
}

extension TinyGGUF {
  /// A model of random integers and floats, with scales that keep its numbers near 1.
  static func numbered(_ type: TensorType) -> TinyGGUF {
    var (tiny, numbers) = (TinyGGUF(type), Numbers(seed: 17))
    for index in tiny.tensors.indices {
      let tensor = tiny.tensors[index]
      if tensor.type == ggmlNumbers[.f32] {
        let isNorm = tensor.dimensions.count == 1
        tiny.tensors[index].data = (0..<tensor.data.count / 4).flatMap { _ in
          little((isNorm ? 1 : numbers.float() / 4).bitPattern)
        }
        continue
      }
      for place in stride(from: 0, to: tensor.data.count, by: type.blockBytes) {
        let block = block(type, &numbers)
        tiny.tensors[index].data.replaceSubrange(place..<place + block.count, with: block)
      }
    }
    return tiny
  }

  /// One block: elements between about −1/4 and 1/4.
  static func block(_ type: TensorType, _ numbers: inout Numbers) -> [UInt8] {
    switch type {
    case .f32: return little(numbers.float().bitPattern)
    case .f16: return little(Float16(numbers.float() / 4).bitPattern)
    case .bf16: return little(UInt16((numbers.float() / 4).bitPattern >> 16))
    case .q8_0, .q4_0, .q5_0, .q4_1, .q5_1:
      let greatest: Float = type == .q8_0 ? 128 : type == .q5_0 || type == .q5_1 ? 16 : 8
      let scale = (0.15 + 0.1 * abs(numbers.float())) / greatest
      var bytes = little(Float16(scale).bitPattern)
      if type.hasOffset { bytes += little(Float16(-scale * greatest).bitPattern) }
      return bytes + (bytes.count..<type.blockBytes).map { _ in UInt8(numbers.below(256)) }
    }
  }
}
