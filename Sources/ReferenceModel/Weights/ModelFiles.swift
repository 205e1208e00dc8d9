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
  /// The tensors of the files that can be read: in the order of a GGUF file, or by shard and then
  /// by name. A tensor of another type or without elements is left out, because the model does not
  /// read it.
  public let tensors: [TensorSummary]
  /// Facts about the files that may make the model's results differ from its makers': one sentence
  /// each, without a full stop. Commands print them to standard error.
  public let warnings: [String]
  /// Facts about the files that are odd and change no result, written as `warnings`.
  public let notes: [String]
  /// The weights.
  package let weights: LlamaWeights
  /// The metadata of a GGUF file; empty for a Hugging Face folder.
  package let metadata: [String: GGUFValue]
  /// The Hugging Face folder, which may hold the tokenizer's files; nil for GGUF.
  package let folder: String?
  /// The files that were opened, and those that a tokenizer may be read from. Empty for a model
  /// that was in memory.
  ///
  /// A program that writes files must not replace any of these: the weights stay in them.
  public let paths: [String]
  /// The tensors that the model computes with.
  let needed: [StoredTensor]

  /// Opens the model at `path`: a GGUF file, a Hugging Face folder, or a folder that holds exactly
  /// one GGUF file. Throws an error that describes the problem; never traps, whatever the files
  /// contain.
  public static func open(_ path: String) throws(ModelError) -> ModelFiles {
    guard MappedFile.isFolder(path) else {
      return try ModelFiles(gguf: try MappedFile(path), paths: [path])
    }
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
    let candidates = names.filter { $0.hasSuffix(".gguf") }
    guard let only = candidates.first, candidates.count == 1 else {
      throw ForeignFile.notModelFolder(path, names: names)
    }
    let file = "\(path)/\(only)"
    return try ModelFiles(gguf: try MappedFile(file), paths: [file])
  }

  /// Opens a GGUF file that is already in memory, and keeps a copy. Messages show `name` as the
  /// path.
  public static func open(gguf bytes: [UInt8], name: String) throws(ModelError) -> ModelFiles {
    try ModelFiles(gguf: try MappedFile(bytes, name: name), paths: [])
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
  private init(gguf mapped: MappedFile, paths: [String]) throws(ModelError) {
    let file = try GGUFFile(mapped)
    let architecture = try file.checkedArchitecture()
    let listed = file.tensors()
    var table = TensorTable(listed, names: .gguf)
    try table.checkExperts()
    configuration = try file.configuration(of: architecture, table: &table)
    weights = try LlamaWeights(configuration, from: &table, names: .gguf)
    try table.checkRest()
    needed = table.taken
    tensors = ModelFiles.summaries(listed)
    let unread = ModelFiles.facts(unread: table)
    warnings = [file.unnamedRuleWarning].compactMap(\.self) + unread.warnings
    notes = [file.trailingNote(listed)].compactMap(\.self) + unread.notes
    metadata = file.metadata
    kind = .gguf
    folder = nil
    self.paths = paths
  }

  private init(huggingFace folder: String, names: Set<String>) throws(ModelError) {
    configuration = try LlamaConfiguration(
      huggingFace: "\(folder)/\(HuggingFaceFolder.configurationName)")
    let listed = try HuggingFaceFolder.tensors(in: folder, names: names)
    let listedNames = Set(listed.map(\.name))
    let naming =
      [TensorNames.huggingFace, .bareHuggingFace].first { listedNames.contains($0.embedding) }
      ?? .huggingFace
    var table = TensorTable(listed, names: naming)
    try table.checkExperts()
    weights = try LlamaWeights(configuration, from: &table, names: naming)
    if configuration.tiedEmbedding {
      // The configuration decides that the head is tied, so a stored head only repeats the
      // embedding.
      table.ignore(naming.head)
    }
    try table.checkRest()
    needed = table.taken
    tensors = ModelFiles.summaries(listed)
    (warnings, notes) = ModelFiles.facts(unread: table)
    metadata = [:]
    kind = .huggingFace
    self.folder = folder
    let shards = names.filter { $0.hasSuffix(".safetensors") }.sorted()
    paths = (shards + HuggingFaceFolder.fileNames).map { "\(folder)/\($0)" }
  }

  private static func summaries(_ tensors: [ListedTensor]) -> [TensorSummary] {
    tensors.compactMap { tensor in (try? tensor.content.get())?.summary }
  }

  /// Sentences about the tensors that the model left in `table`.
  private static func facts(unread table: TensorTable) -> (warnings: [String], notes: [String]) {
    let (weights, rest) = table.unread
    let warning =
      "not read, beside the model's own tensors: \(list(weights)); the results differ from other "
      + "programs' if the model computes with them"
    let note = "not read, without weights: \(list(rest))"
    return (weights.isEmpty ? [] : [warning], rest.isEmpty ? [] : [note])
  }

  /// The first names, and the number of the others. Control characters of a name are shown escaped,
  /// so that a file writes nothing to a terminal but text.
  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(3).map { name in
      "'\(name.unicodeScalars.map { $0.escaped(asASCII: true) }.joined())'"
    }
    let others = names.count - shown.count
    return shown.joined(separator: ", ") + (others > 0 ? " and \(others) more" : "")
  }
}
