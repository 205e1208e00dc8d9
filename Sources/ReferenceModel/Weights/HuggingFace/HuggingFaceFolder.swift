import KVPolicyKit

/// The tensors of a Hugging Face folder: one `model.safetensors`, or shards named by an index.
enum HuggingFaceFolder {
  /// The file that describes the model.
  static let configurationName = "config.json"
  /// The file with all weights, if there is only one.
  static let singleName = "model.safetensors"
  /// The list of shards, if the weights are in several files.
  static let indexName = "model.safetensors.index.json"

  /// All tensors of `folder`; `names` are the folder's files.
  static func tensors(
    in folder: String, names: Set<String>
  ) throws(ModelError) -> [StoredTensor] {
    if names.contains(singleName) {
      return try SafetensorsFile.tensors(in: try MappedFile("\(folder)/\(singleName)"))
    }
    let index = "\(folder)/\(indexName)"
    let shardOfTensor = try weightMap(index)
    var tensors: [StoredTensor] = []
    for shard in Set(shardOfTensor.values).sorted() {
      guard names.contains(shard) else {
        throw .unreadable(
          path: "\(folder)/\(shard)", reason: "the index names it, but it is not in the folder")
      }
      for tensor in try SafetensorsFile.tensors(in: try MappedFile("\(folder)/\(shard)")) {
        try check(tensor, of: shard, in: shardOfTensor, index: index)
        tensors.append(tensor)
      }
    }
    // Every tensor found is in the map once, so equal counts mean that no tensor is missing.
    guard tensors.count == shardOfTensor.count else {
      let found = Set(tensors.map(\.name))
      let missing = shardOfTensor.keys.filter { !found.contains($0) }.min() ?? ""
      throw .tensor(
        name: missing, reason: "is not in \(shardOfTensor[missing] ?? ""), where \(index) has it")
    }
    return tensors
  }

  private static func check(
    _ tensor: StoredTensor, of shard: String, in shardOfTensor: [String: String], index: String
  ) throws(ModelError) {
    guard let expected = shardOfTensor[tensor.name] else {
      throw .tensor(name: tensor.name, reason: "is in \(shard), but \(index) does not list it")
    }
    guard expected == shard else {
      throw .tensor(name: tensor.name, reason: "is in \(shard), but \(index) says \(expected)")
    }
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
