import Foundation

/// A model on disk, opened and checked: its configuration, the list of its tensors, its weights.
///
/// Opening reads headers only. The weights stay in the mapped files, in their stored types, and
/// the mappings live as long as this value or any matrix taken from it.
public struct ModelFiles: Sendable {
  /// The two layouts that can be opened.
  public enum Kind: String, Sendable {
    /// One GGUF file.
    case gguf
    /// A folder with `config.json` and safetensors files.
    case huggingFace
  }

  /// The layout that was opened.
  public let kind: Kind
  /// The model's configuration.
  public let configuration: LlamaConfiguration
  /// Every tensor of the files: in the order of a GGUF file, or by shard and then by name.
  public let tensors: [TensorSummary]
  /// The weights.
  package let weights: LlamaWeights
  /// The metadata of a GGUF file; empty for a Hugging Face folder.
  package let metadata: [String: GGUFValue]
  /// The Hugging Face folder, which may hold the tokenizer's files; nil for GGUF.
  package let folder: String?
  /// The tensors that the model computes with.
  private let needed: [StoredTensor]

  /// Opens the model at `path`: a GGUF file, a Hugging Face folder, or a folder that holds exactly
  /// one GGUF file. Throws an error that describes the problem; never traps, whatever the files
  /// contain.
  public static func open(_ path: String) throws(ModelError) -> ModelFiles {
    guard MappedFile.isFolder(path) else { return try ModelFiles(gguf: try MappedFile(path)) }
    let names: Set<String>
    do {
      names = Set(try FileManager.default.contentsOfDirectory(atPath: path))
    } catch {
      throw .unreadable(path: path, reason: error.localizedDescription)
    }
    let weights = [HuggingFaceFolder.singleName, HuggingFaceFolder.indexName]
    if !names.isDisjoint(with: weights) {
      return try ModelFiles(huggingFace: path, names: names)
    }
    let candidates = names.filter { $0.hasSuffix(".gguf") }.sorted()
    if let only = candidates.first, candidates.count == 1 {
      return try ModelFiles(gguf: try MappedFile("\(path)/\(only)"))
    }
    let found =
      candidates.isEmpty ? "none" : "\(candidates.count): \(candidates.joined(separator: ", "))"
    throw .unreadable(
      path: path,
      reason: "a model folder holds config.json with \(weights.joined(separator: " or ")), or "
        + "exactly one .gguf file (found \(found))")
  }

  /// Opens a GGUF file that is already in memory, and keeps a copy. Messages show `name` as the
  /// path.
  public static func open(gguf bytes: [UInt8], name: String) throws(ModelError) -> ModelFiles {
    try ModelFiles(gguf: try MappedFile(bytes, name: name))
  }

  /// Reads every weight the model needs and throws at the first infinite or NaN value, naming the
  /// tensor. Takes as long as reading the files.
  public func checkFinite() throws(ModelError) {
    for tensor in needed {
      if let problem = tensor.firstNonFinite() {
        throw .tensor(name: tensor.name, reason: problem)
      }
    }
  }
}

extension ModelFiles {
  private init(gguf mapped: MappedFile) throws(ModelError) {
    let file = try GGUFFile(mapped)
    let architecture = try file.checkedArchitecture()
    let stored = try file.tensors()
    var table = try TensorTable(stored)
    try table.checkKinds()
    configuration = try file.configuration(architecture: architecture, table: &table)
    weights = try LlamaWeights(configuration, from: &table, names: .gguf)
    try table.checkNothingLeft()
    needed = table.taken
    tensors = stored.map(\.summary)
    metadata = file.metadata
    kind = .gguf
    folder = nil
  }

  private init(huggingFace folder: String, names: Set<String>) throws(ModelError) {
    configuration = try LlamaConfiguration(
      huggingFace: "\(folder)/\(HuggingFaceFolder.configurationName)")
    let stored = try HuggingFaceFolder.tensors(in: folder, names: names)
    var table = try TensorTable(stored)
    // Older files store the rotary frequencies, which the configuration already determines.
    table.ignore { $0.hasSuffix("rotary_emb.inv_freq") }
    try table.checkKinds()
    weights = try LlamaWeights(configuration, from: &table, names: .huggingFace)
    if configuration.tiedEmbedding {
      // The configuration decides that the head is tied, so a stored head only repeats the
      // embedding.
      table.ignore { $0 == TensorNames.huggingFace.head }
    }
    try table.checkNothingLeft()
    needed = table.taken
    tensors = stored.map(\.summary)
    metadata = [:]
    kind = .huggingFace
    self.folder = folder
  }
}
