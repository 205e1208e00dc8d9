import Foundation
import KVPolicyKit
import Testing

@testable import ReferenceModel
@testable import Training

@Suite("Checkpoints")
struct CheckpointTests {
  private let tokens = [0, 3, 4, 1, 5, 7, 8, 11, 200, 12]

  @Test("a folder and a GGUF file of floats are read back as they were", arguments: [true, false])
  func roundTrip(tied: Bool) throws {
    let checkpoint = try randomCheckpoint(WordVocabulary(someWords), tied: tied)
    try withFolder { folder in
      let (place, path) = (folder + "/model", folder + "/model.gguf")
      try checkpoint.write(folder: place)
      try checkpoint.write(gguf: path)
      #expect(
        try SafetensorsFile.floats(at: place + "/model.safetensors").tensors == checkpoint.tensors)
      let (files, gguf) = (try ModelFiles.open(place), try ModelFiles.open(path))
      #expect(files.configuration == checkpoint.configuration)
      var expected = checkpoint.configuration
      expected.rope.pairing = .interleaved
      expected.bosToken = someWords.count
      #expect(gguf.configuration == expected)
      let want = try logits(files, tokens)
      #expect(want.contains { abs($0) > 0.5 })
      // Rotated pairs are adjacent, so sums over a head are added in another order.
      let got = try logits(gguf, tokens)
      let difference = zip(want, got).map { abs($0 - $1) }.max() ?? 0
      #expect(difference < 2e-5)
      let memory = try ModelFiles.open(gguf: contents(path), name: "memory")
      #expect(try logits(memory, tokens) == got)
    }
  }

  @Test("a model in memory that is cut short, or empty, is refused by its name")
  func memory() throws {
    let bytes = try randomCheckpoint(WordVocabulary(someWords)).gguf(.q8_0)
    let cut = refusal { _ = try ModelFiles.open(gguf: bytes.dropLast(40), name: "memory") }
    #expect(cut?.contains("memory") == true)
    #expect(
      refusal { _ = try ModelFiles.open(gguf: [], name: "memory") }?.contains("empty") == true)
  }

  @Test(
    "quantised parameters are the nearest of the format",
    arguments: Checkpoint.MatrixFormat.allCases)
  func quantised(_ format: Checkpoint.MatrixFormat) throws {
    let checkpoint = try randomCheckpoint(WordVocabulary(someWords))
    let file = try GGUFFile(MappedFile(checkpoint.gguf(format), name: "memory"))
    for (listed, tensor) in zip(file.tensors(), checkpoint.tensors) {
      let stored = try listed.content.get()
      let heads = tensor.name.contains("q_proj") ? 4 : tensor.name.contains("k_proj") ? 2 : nil
      let values = heads.map { tensor.interleaved(heads: $0) } ?? tensor.values
      #expect(
        stored.type.rawValue == (tensor.shape.count == 1 ? "F32" : format.rawValue.uppercased()))
      let got = expanded(stored)
      for start in stride(from: 0, to: values.count, by: 32) {
        let block = start..<min(start + 32, values.count)
        let greatest = values[block].map { abs($0) }.max() ?? 0
        // Half a quantisation step, plus half a unit of the scale's last bit for each step of the
        // element.
        let limit: Float =
          switch format {
          case _ where tensor.shape.count == 1: 0
          case .f32: 0
          case .f16: greatest * 0x1p-11
          case .q8_0: greatest / 127 * 0.5001 + greatest * 0x1p-11
          }
        for index in block { #expect(abs(got[index] - values[index]) <= limit) }
      }
    }
  }

  @Test("columns that do not divide into blocks are 16-bit floats")
  func narrow() throws {
    let checkpoint = try randomCheckpoint(WordVocabulary(someWords), hidden: 40)
    let types = Set(
      try ModelFiles.open(gguf: checkpoint.gguf(.q8_0), name: "memory").tensors.map(\.type))
    #expect(types == [.f32, .f16, .q8_0])
  }

  @Test("the same checkpoint gives the same bytes, and the order of its tensors does not matter")
  func deterministic() throws {
    let vocabulary = try WordVocabulary(someWords)
    let one = try randomCheckpoint(vocabulary)
    let other = try Checkpoint(
      one.configuration, vocabulary: vocabulary, tensors: one.tensors.reversed())
    #expect(try one.gguf(.q8_0) == other.gguf(.q8_0))
    try withFolder { folder in
      try one.write(folder: folder + "/1")
      try other.write(folder: folder + "/2/")
      let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/1").sorted()
      #expect(
        names == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
      for name in names {
        #expect(try contents("\(folder)/1/\(name)") == contents("\(folder)/2/\(name)"))
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 2)
    }
  }

  @Test("a folder with files in it is left alone")
  func taken() throws {
    let checkpoint = try randomCheckpoint(WordVocabulary(someWords))
    try withFolder { folder in
      try checkpoint.write(folder: folder + "/model")
      let before = try contents(folder + "/model/model.safetensors")
      let said = refusal { try checkpoint.write(folder: folder + "/model") }
      #expect(said?.contains("Name a folder that is not there yet") == true)
      #expect(try contents(folder + "/model/model.safetensors") == before)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["model"])
      #expect(refusal { try checkpoint.write(folder: folder + "/no/model") } != nil)
      #expect(refusal { try checkpoint.write(gguf: folder + "/no/model.gguf") } != nil)
    }
  }

  @Test("parts that are not of one model are refused")
  func mismatched() throws {
    let vocabulary = try WordVocabulary(someWords)
    let model = tinyConfiguration(vocabulary)
    let tensors = randomTensors(model, seed: 1)
    func said(
      _ change: (inout LlamaConfiguration, inout [FloatTensor]) -> Void
    ) -> String {
      var (model, tensors) = (model, tensors)
      change(&model, &tensors)
      return refusal { _ = try Checkpoint(model, vocabulary: vocabulary, tensors: tensors) } ?? ""
    }
    #expect(
      said { $1.removeLast() } == "tensor 'model.norm.weight': is missing; give it, of shape [64]")
    #expect(said { $1.append($1[0]) }.contains("given twice"))
    #expect(said { $1.append(FloatTensor("more", shape: [1], values: [0])) }.contains("no part"))
    #expect(said { $1[1].shape = [63] }.contains("has shape [63]; the model asks for [64]"))
    #expect(said { $1[1].values.removeLast() }.contains("has 63 values"))
    #expect(said { $1[2].values[5] = .nan }.contains("element 5 is nan"))
    #expect(said { model, _ in model.vocabulary = 13 }.contains("make the model with as many"))
    #expect(said { model, _ in model.eosTokens = [999] }.contains("begin and end a text"))
    #expect(said { model, _ in model.rope.pairing = .interleaved }.contains("'halves'"))
    #expect(said { model, _ in model.rope.scaling = .linear(factor: 2) }.contains("stretched"))
    #expect(said { model, _ in model.hasProjectionBias = true }.contains("neither biases nor"))
    #expect(said { model, _ in model.hasHeadNorm = true }.contains("neither biases nor"))
    #expect(said { model, _ in model.architecture = "mistral" }.contains("'llama'"))
  }

  @Test("numbers beyond a format are refused in it")
  func range() throws {
    let vocabulary = try WordVocabulary(someWords)
    let model = tinyConfiguration(vocabulary)
    var tensors = randomTensors(model, seed: 1)
    tensors[0].values[0] = 1e5
    let checkpoint = try Checkpoint(model, vocabulary: vocabulary, tensors: tensors)
    #expect(
      refusal { _ = try checkpoint.gguf(.f16) }?.contains("largest in f16; write f32") == true)
    _ = try checkpoint.gguf(.q8_0)
  }
}

/// All elements of a tensor, quantised or not.
private func expanded(_ tensor: StoredTensor) -> [Float] {
  guard let matrix = tensor.matrix else { return [] }
  return unsafe [Float](unsafeUninitializedCapacity: matrix.rows * matrix.columns) {
    floats, filled in
    guard let start = floats.baseAddress else { return }
    // The buffer has room for every matrix row.
    for row in 0..<matrix.rows {
      unsafe dequantise(row: row, of: matrix, into: start + row * matrix.columns)
    }
    filled = matrix.rows * matrix.columns
  }
}
