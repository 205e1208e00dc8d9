import KVPolicyKit

/// The tensors of a Hugging Face folder: one `model.safetensors`, or shards named by an index.
enum HuggingFaceFolder {
  /// The file that describes the model.
  static let configurationName = "config.json"
  /// The file with all weights, if there is only one.
  static let singleName = "model.safetensors"
  /// The list of shards, if the weights are in several files.
  static let indexName = "model.safetensors.index.json"
  /// The files that may be read beside the weights: the model's and the tokenizer's.
  static let fileNames = [
    configurationName, indexName, "generation_config.json", "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
    "chat_template.json", "vocab.json", "merges.txt", "tokenizer.model",
  ]

  /// All tensors of `folder`; `names` are the folder's files. A tensor about which the index and
  /// the shards disagree cannot be used.
  static func tensors(
    in folder: String, names: Set<String>
  ) throws(ModelError) -> [ListedTensor] {
    if names.contains(singleName) {
      return try SafetensorsFile.tensors(in: try MappedFile("\(folder)/\(singleName)"))
    }
    let index = "\(folder)/\(indexName)"
    let shardOfTensor = try weightMap(index)
    var tensors: [ListedTensor] = []
    var found: Set<String> = []
    for shard in Set(shardOfTensor.values).sorted() where names.contains(shard) {
      for tensor in try SafetensorsFile.tensors(in: try MappedFile("\(folder)/\(shard)")) {
        let expected = shardOfTensor[tensor.name]
        found.insert(tensor.name)
        guard expected != shard else {
          tensors.append(tensor)
          continue
        }
        tensors.append(
          tensor.refused(
            "is in \(shard), but \(index) "
              + (expected.map { "says \($0)" } ?? "does not list it")))
      }
    }
    for (name, shard) in shardOfTensor.sorted(by: { $0.key < $1.key }) where !found.contains(name) {
      tensors.append(
        ListedTensor(name, mayHoldWeights: false) { () throws(ModelError) in
          guard names.contains(shard) else {
            throw .unreadable(
              path: "\(folder)/\(shard)",
              reason: "the index names it, but it is not in the folder")
          }
          throw .tensor(name: name, reason: "is not in \(shard), where \(index) has it")
        })
    }
    return tensors
  }

  /// The shard of each tensor. A shard's name must be a plain file name, so no file outside the
  /// folder is read.
  private static func weightMap(_ index: String) throws(ModelError) -> [String: String] {
    guard case .object(let members) = try JSONValue(file: index),
      case .object(let map)? = members["weight_map"], !map.isEmpty
    else {
      throw .malformed(
        file: index, reason: "it needs an object 'weight_map' from tensor to file name")
    }
    var shards: [String: String] = [:]
    for (tensor, node) in map.sorted(by: { $0.key < $1.key }) {
      guard case .string(let name) = node else {
        throw .malformed(
          file: index, reason: "the file of tensor '\(tensor)' is \(node.kind), not a name")
      }
      guard name.hasSuffix(".safetensors"), !name.utf8.contains(0),
        !name.contains("/"), !name.contains("\\"), !name.hasPrefix(".")
      else {
        throw .malformed(
          file: index,
          reason: "the file of tensor '\(tensor)' is '\(name)'; it must be the plain name of a "
            + ".safetensors file in the same folder")
      }
      shards[tensor] = name
    }
    return shards
  }
}
