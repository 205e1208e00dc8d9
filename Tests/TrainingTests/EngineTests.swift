import Foundation
import KVPolicyKit
import Policies
import ReferenceModel
import Testing
import Training

@Test("the engine that runs a trained model finds the loss that training found")
func engine() throws {
  let training = try TrainingCase.all()[0]
  let parameters = try training.parameters()
  let trainer = try Trainer(training.model, threads: 1)
  let text = (0..<23).map { ($0 * $0 + 5) % training.model.vocabulary }
  let loss = try trainer.loss(of: parameters, on: TrainingBatch(texts: [text]))

  let model = try opened(training.model, parameters)
  let store = try PagedKVStore(
    shape: model.shape, configuration: StoreConfiguration(format: .f32))
  let policies = try PolicyConfiguration("full").makePolicies(.all, shape: model.shape)
  let session = model.makeSession(store.makeSequence(policies))
  var sum = 0.0
  try session.prefill(Array(text.dropLast())) { index, logits in
    let row = (0..<logits.count).map { Double(logits[$0]) }
    sum += log(row.reduce(0) { $0 + exp($1) }) - row[text[index + 1]]
  }
  #expect(abs(sum / Double(text.count - 1) - loss) < 1e-5 * loss)
}

/// The model, opened by the engine from a Hugging Face folder.
private func opened(
  _ model: LlamaConfiguration, _ parameters: ModelParameters
) throws -> LlamaModel {
  let folder = FileManager.default.temporaryDirectory.appending(path: "training-\(UUID())")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let settings = """
    {"model_type": "llama", "hidden_act": "silu", "hidden_size": \(model.hidden),
    "intermediate_size": \(model.intermediate), "num_hidden_layers": \(model.layers),
    "num_attention_heads": \(model.queryHeads), "num_key_value_heads": \(model.keyHeads),
    "head_dim": \(model.headDimension), "vocab_size": \(model.vocabulary),
    "max_position_embeddings": \(model.contextLength), "rms_norm_eps": \(model.normEpsilon),
    "rope_theta": \(model.rope.theta), "tie_word_embeddings": true}
    """
  try Data(settings.utf8).write(to: folder.appending(path: "config.json"))
  let members = parameters.layout.tensors.map { tensor in
    let shape = tensor.isMatrix ? [tensor.rows, tensor.columns] : [tensor.columns]
    let ends = [4 * tensor.range.lowerBound, 4 * tensor.range.upperBound]
    return #""\#(tensor.name)":{"dtype":"F32","shape":\#(shape),"data_offsets":\#(ends)}"#
  }
  var header = Data("{\(members.joined(separator: ","))}".utf8)
  // Tensors begin at offsets that are multiples of eight bytes.
  while header.count % 8 != 0 { header.append(0x20) }
  var file = Data()
  for shift in 0..<8 { file.append(UInt8(truncatingIfNeeded: header.count >> (8 * shift))) }
  file.append(header)
  for value in parameters.values {
    for shift in 0..<4 { file.append(UInt8(truncatingIfNeeded: value.bitPattern >> (8 * shift))) }
  }
  try file.write(to: folder.appending(path: "model.safetensors"))
  // Mapped files stay readable after the folder is removed.
  return LlamaModel(try ModelFiles.open(folder.path), threads: 1)
}
