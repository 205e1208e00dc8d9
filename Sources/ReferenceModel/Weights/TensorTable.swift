/// The tensors of a model by name. Each is taken once; what is left over at the end is something
/// the file means the model to compute and this engine would not, so it is refused.
struct TensorTable {
  private var left: [String: StoredTensor] = [:]
  /// What was taken, in that order.
  private(set) var taken: [StoredTensor] = []

  /// Refuses two tensors of one name.
  init(_ tensors: [StoredTensor]) throws(ModelError) {
    for tensor in tensors {
      guard left.updateValue(tensor, forKey: tensor.name) == nil else {
        throw .tensor(name: tensor.name, reason: "appears in more than one file")
      }
    }
  }

  /// Whether `name` is there and not taken yet.
  func has(_ name: String) -> Bool { left[name] != nil }

  /// The shape of `name`, outermost axis first, if it is there.
  func shape(_ name: String) -> [Int]? { left[name]?.shape }

  /// Takes a matrix of exactly `rows × columns`.
  mutating func matrix(
    _ name: String, rows: Int, columns: Int
  ) throws(ModelError) -> WeightMatrix {
    let tensor = try take(name, shape: [rows, columns])
    guard let matrix = tensor.matrix else { throw .tensor(name: name, reason: "has no shape") }
    return matrix
  }

  /// Takes a list of exactly `count` floats and widens it to 32 bits.
  mutating func vector(_ name: String, count: Int) throws(ModelError) -> [Float] {
    let tensor = try take(name, shape: [count])
    guard let floats = tensor.floats() else {
      throw .tensor(
        name: name, reason: "is stored as \(tensor.type.rawValue); it must be F32, F16 or BF16")
    }
    return floats
  }

  /// Forgets tensors that a sound file may have and the model does not need.
  mutating func ignore(where isNeedless: (String) -> Bool) {
    left = left.filter { !isNeedless($0.key) }
  }

  /// Refuses, before anything is taken, what would otherwise look like a missing tensor.
  func checkKinds() throws(ModelError) {
    let foreign = left.keys.filter { TensorTable.foreignKind($0) != nil }
    if let name = foreign.min() { throw TensorTable.refusal(name) }
  }

  /// Refuses tensors that nothing took.
  func checkNothingLeft() throws(ModelError) {
    if let name = left.keys.min() { throw TensorTable.refusal(name) }
  }

  private mutating func take(_ name: String, shape: [Int]) throws(ModelError) -> StoredTensor {
    guard let tensor = left.removeValue(forKey: name) else {
      throw .tensor(name: name, reason: "is missing")
    }
    guard tensor.shape == shape else {
      throw .tensor(
        name: name, reason: "has shape \(tensor.shape); the configuration asks for \(shape)")
    }
    taken.append(tensor)
    return tensor
  }

  /// What a tensor with this name does that plain Llama models do not.
  private static func foreignKind(_ name: String) -> String? {
    if name.hasSuffix(".bias") { return "a bias" }
    let expertMarks = ["_exps.", "ffn_gate_inp", ".experts.", "block_sparse_moe"]
    return expertMarks.contains { name.contains($0) } ? "part of a mixture of experts" : nil
  }

  private static func refusal(_ name: String) -> ModelError {
    .unsupported(
      what: "tensor '\(name)' (\(foreignKind(name) ?? "not a part of the configured layers"))",
      supported: "exactly the tensors of a dense llama or mistral model without biases")
  }
}
