internal import ReferenceModel

/// The state as one safetensors file: tensors `parameter/NAME`, `mean/NAME` and `square/NAME`, and
/// the step, seeds and recipe as texts in the metadata.
extension TrainingState {
  private static let format = "kvpolicy-training-state-1"
  private static let seedPrefix = "seed/"
  private static let lists = ["parameter/", "mean/", "square/"]

  /// Writes or replaces the file at `path`, which appears whole or not at all.
  public func write(to path: String) throws(CheckpointError) {
    try CheckpointFile.write(try bytes(), to: path)
  }

  /// The bytes of the file.
  ///
  /// - Throws: `CheckpointError.tensor` if the lists of tensors do not agree.
  public func bytes() throws(CheckpointError) -> [UInt8] {
    try check()
    var metadata = ["format": TrainingState.format, "step": "\(step)", "recipe": recipe]
    // A 64-bit seed does not fit a floating-point number, so seeds are stored as texts.
    for (name, seed) in seeds { metadata[TrainingState.seedPrefix + name] = "\(seed)" }
    var tensors: [FloatTensor] = []
    for (list, prefix) in zip([parameters, means, squares], TrainingState.lists) {
      for var tensor in list {
        tensor.name = prefix + tensor.name
        tensors.append(tensor)
      }
    }
    return SafetensorsFile.bytes(of: tensors, metadata: metadata)
  }

  /// Reads the file at `path`. Tensors keep the order in which they were written.
  ///
  /// - Parameters:
  ///   - path: a file that `write(to:)` wrote.
  ///   - recipe: the recipe that the file must have; nil accepts any recipe.
  public init(from path: String, recipe: String?) throws(CheckpointError) {
    let file: (tensors: [FloatTensor], metadata: [String: String])
    do throws(ModelError) {
      file = try SafetensorsFile.floats(at: path)
    } catch {
      throw CheckpointError.unreadable(path: path, reason: error.description)
    }
    let numbers = try TrainingState.numbers(file.metadata, path: path)
    guard recipe == nil || recipe == numbers.recipe else {
      throw CheckpointError.foreign(
        path: path,
        reason:
          "it was begun with another recipe; go on with that one, or begin anew")
    }
    let lists = try TrainingState.split(file.tensors, path: path)
    try self.init(
      parameters: lists[0], means: lists[1], squares: lists[2], step: numbers.step,
      seeds: numbers.seeds, recipe: numbers.recipe)
  }

  private static func numbers(
    _ metadata: [String: String], path: String
  ) throws(CheckpointError) -> (step: Int, seeds: [String: UInt64], recipe: String) {
    guard let found = metadata["format"], found == format else {
      throw .foreign(
        path: path,
        reason:
          "its format is '\(metadata["format"] ?? "absent")', not '\(format)'; name a file that a "
          + "training run saved")
    }
    guard let step = metadata["step"].flatMap(Int.init), step >= 0, let recipe = metadata["recipe"]
    else { throw .foreign(path: path, reason: "its metadata has no step and recipe") }
    var seeds: [String: UInt64] = [:]
    for (key, text) in metadata where key.hasPrefix(seedPrefix) {
      guard let seed = UInt64(text) else {
        throw .foreign(path: path, reason: "'\(key)' is '\(text)', which is no 64-bit number")
      }
      seeds[String(key.dropFirst(seedPrefix.count))] = seed
    }
    return (step, seeds, recipe)
  }

  /// The parameters, means and squares, with the prefixes of their names removed.
  private static func split(
    _ tensors: [FloatTensor], path: String
  ) throws(CheckpointError) -> [[FloatTensor]] {
    var split = lists.map { _ in [FloatTensor]() }
    for var tensor in tensors {
      guard let list = lists.firstIndex(where: tensor.name.hasPrefix) else {
        throw .foreign(
          path: path, reason: "its tensor '\(tensor.name)' is none of a training state's")
      }
      tensor.name = String(tensor.name.dropFirst(lists[list].count))
      split[list].append(tensor)
    }
    return split
  }
}
