import Foundation
import KVPolicyKit
import Policies

@testable import ReferenceModel
@testable import Training

/// A small checkpoint of random parameters, the same for the same seed.
func randomCheckpoint(
  _ vocabulary: WordVocabulary, tied: Bool = true, hidden: Int = 64, seed: UInt64 = 1
) throws -> Checkpoint {
  let configuration = tinyConfiguration(vocabulary, tied: tied, hidden: hidden)
  return try Checkpoint(
    configuration, vocabulary: vocabulary, tensors: randomTensors(configuration, seed: seed))
}

/// Two layers, two query heads per key head, and heads wider than their share of the residual
/// stream.
func tinyConfiguration(
  _ vocabulary: WordVocabulary, tied: Bool = true, hidden: Int = 64
) -> LlamaConfiguration {
  LlamaConfiguration(
    architecture: "llama", layers: 2, hidden: hidden, intermediate: 96, queryHeads: 4, keyHeads: 2,
    headDimension: 32, vocabulary: vocabulary.count, contextLength: 128, normEpsilon: 1e-5,
    rope: RopeConfiguration(
      theta: 5_000, scaling: .none, frequencyFactors: nil, pairing: .halves, dimensions: 32),
    tiedEmbedding: tied, bosToken: vocabulary.token("<s>"),
    eosTokens: ["\n", "</s>"].compactMap(vocabulary.token))
}

/// Every tensor of a model: gains near 1, and matrices scaled for vocabulary logits of a few units.
func randomTensors(_ model: LlamaConfiguration, seed: UInt64) -> [FloatTensor] {
  var random = SplitMix64(seed: seed)
  return Checkpoint.parts(model).map { part in
    let isNorm = part.shape.count == 1
    let width = isNorm ? 0.2 : 2 / Float(part.shape.last ?? 1).squareRoot()
    let values = (0..<part.shape.reduce(1, *)).map { _ in
      Float.random(in: -width...width, using: &random) + (isNorm ? 1 : 0)
    }
    return FloatTensor(part.name, shape: part.shape, values: values)
  }
}

/// Words like those that the small models know.
let someWords = [
  "the ", "amber ", "xamber ", "key ", "of ", "is ", "0 ", "17 ", ". ", "? ", "stone-grey ", "\n",
  "amber\n",
]

/// Words without a common ending: marks, single characters, and two words that end a text.
let shortWords = ["<s>", "the", "key", " ", "?", ".", "7", "\n", "\t", "</s>", "amber ", "~"]

/// Texts of one list's words with their tokens, and texts that have other characters too.
let someTexts: [(words: [String], text: String, tokens: [Int]?)] = [
  (someWords, "the key of amber is 17 . \n", [0, 3, 4, 1, 5, 7, 8, 11]),
  (someWords, "xamber amber amber\nstone-grey ? \n\n", [2, 1, 12, 10, 9, 11, 11]),
  (someWords, "the amber, unknown words 17 12! \tÄ\u{0}é\n", nil),
  (shortWords, "<s>the key? amber  77.\n~</s>", [0, 1, 3, 2, 4, 3, 10, 3, 6, 6, 5, 7, 11, 9]),
  (shortWords, "<s>other\tkeys: Ġ? é7 \u{0}", nil),
]

/// The vocabulary logits after each of `tokens`, with exact rows.
func logits(_ files: ModelFiles, _ tokens: [Int]) throws -> [Float] {
  let model = LlamaModel(files, threads: 1)
  let store = try PagedKVStore(
    shape: model.shape, configuration: StoreConfiguration(format: .f32))
  let policies = try PolicyConfiguration("full").makePolicies(.all, shape: model.shape)
  let session = model.makeSession(store.makeSequence(policies))
  var all: [Float] = []
  for token in tokens {
    try session.decode(token)
    let row = session.logits
    for index in row.indices { all.append(row[index]) }
  }
  return all
}

/// Runs `body` with the path of a new folder that is removed afterwards.
func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("checkpoint-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}

/// The bytes of a file.
func contents(_ path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}

/// The message of the error when `body` is refused; nil if it succeeds.
func refusal(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch { return "\(error)" }
}
