import Foundation
import KVPolicyKit
import ReferenceModel
import Testing
import Training

@Suite("States of a training run")
struct TrainingStateTests {
  private func state() throws -> TrainingState {
    func list(_ seed: UInt64) -> [FloatTensor] {
      var random = SplitMix64(seed: seed)
      return [("z.weight", [3, 5]), ("a", [7])].map { name, shape in
        let values = (0..<shape.reduce(1, *)).map { _ in Float.random(in: -1...1, using: &random) }
        return FloatTensor(name, shape: shape, values: values)
      }
    }
    var state = try TrainingState(
      parameters: list(1), means: list(2), squares: list(3), step: 12_345,
      seeds: ["data": .max, "words": 7], recipe: "9f\"\u{e9}")
    // Values that arithmetic would lose.
    state.means[0].values[2] = -0.0
    state.squares[1].values[0] = .leastNonzeroMagnitude
    return state
  }

  @Test("a run goes on exactly where it was")
  func roundTrip() throws {
    try withFolder { folder in
      let (path, state) = (folder + "/state.safetensors", try state())
      try state.write(to: path)
      let first = try contents(path)
      let read = try TrainingState(from: path, recipe: state.recipe)
      #expect(read == state)
      #expect(read.means[0].values[2].sign == .minus)
      try read.write(to: path)
      #expect(try contents(path) == first)
      #expect(try TrainingState(from: path, recipe: nil).step == 12_345)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["state.safetensors"])
    }
  }

  @Test("a file cut short anywhere is refused")
  func truncated() throws {
    try withFolder { folder in
      let path = folder + "/state.safetensors"
      try state().write(to: path)
      let whole = try contents(path)
      for count in [0, 1, 7, 8, 9, 100, whole.count / 2, whole.count - 4, whole.count - 1] {
        try Data(whole.prefix(count)).write(to: URL(fileURLWithPath: path))
        let said = refusal { _ = try TrainingState(from: path, recipe: nil) }
        #expect(said?.hasPrefix("cannot read \(path)") == true)
      }
      #expect(refusal { _ = try TrainingState(from: folder + "/none", recipe: nil) } != nil)
    }
  }

  @Test("a file of another recipe, or of another kind, is refused")
  func foreign() throws {
    try withFolder { folder in
      let path = folder + "/state.safetensors"
      try state().write(to: path)
      let other = refusal { _ = try TrainingState(from: path, recipe: "other") }
      #expect(other?.contains("begun with another recipe") == true)

      let format = ["format": "kvpolicy-training-state-1", "step": "1", "recipe": "r"]
      let one = FloatTensor("parameter/a", shape: [1], values: [1])
      let two = FloatTensor("mean/b", shape: [1], values: [1])
      let three = FloatTensor("square/a", shape: [1], values: [1])
      let files: [([FloatTensor], [String: String], String)] = [
        ([one], [:], "its format is 'absent'"),
        ([one], ["format": "pt"], "its format is 'pt'"),
        ([one], ["format": format["format"] ?? "", "step": "-1", "recipe": "r"], "no step"),
        ([one], format.merging(["seed/a": "x"]) { $1 }, "no 64-bit number"),
        ([FloatTensor("more", shape: [1], values: [1])], format, "'more' is none"),
        ([one], format, "there are 0 for 1 parameters"),
        ([one, two, three], format, "they must agree"),
      ]
      for (tensors, metadata, reason) in files {
        let bytes = SafetensorsFile.bytes(of: tensors, metadata: metadata)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let said = refusal { _ = try TrainingState(from: path, recipe: nil) }
        #expect(said?.contains(reason) == true, "\(said ?? "accepted")")
      }
    }
  }

  @Test("lists that do not agree are refused before they are written")
  func disagreeing() throws {
    try withFolder { folder in
      var state = try state()
      state.means.removeLast()
      #expect(
        refusal { try state.write(to: folder + "/state") }?.contains("there are 1 for 2") == true)
      state = try self.state()
      state.parameters[1].name = "z.weight"
      #expect(refusal { try state.write(to: folder + "/state") }?.contains("given twice") == true)
    }
  }
}
