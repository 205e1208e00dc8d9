/// The tensors of a model by name. Each tensor is taken once. A tensor left over at the end belongs
/// to a computation that this engine does not perform, so the file is refused.
struct TensorTable {
  private var left: [String: StoredTensor] = [:]
  /// The tensors taken so far, in the order of taking.
  private(set) var taken: [StoredTensor] = []

  /// Refuses two tensors with the same name.
  init(_ tensors: [StoredTensor]) throws(ModelError) {
    for tensor in tensors {
      guard left.updateValue(tensor, forKey: tensor.name) == nil else {
        throw .tensor(name: tensor.name, reason: "appears in more than one file")
      }
    }
  }

  /// Whether tensor `name` exists and was not taken yet.
  func has(_ name: String) -> Bool { left[name] != nil }

  /// The shape of tensor `name`, outermost axis first; nil if it is missing or already taken.
  func shape(_ name: String) -> [Int]? { left[name]?.shape }

  /// Takes a matrix of exactly `rows × columns`.
  mutating func matrix(
    _ name: String, rows: Int, columns: Int
  ) throws(ModelError) -> WeightMatrix {
    let tensor = try take(name, shape: [rows, columns])
    guard let matrix = tensor.matrix else { throw .tensor(name: name, reason: "has no shape") }
    return matrix
  }

  /// Takes a vector of exactly `count` floats and widens the elements to 32 bits.
  mutating func vector(_ name: String, count: Int) throws(ModelError) -> [Float] {
    let tensor = try take(name, shape: [count])
    guard let floats = tensor.floats() else {
      throw .tensor(
        name: name, reason: "is stored as \(tensor.type.rawValue); it must be F32, F16 or BF16")
    }
    return floats
  }

  /// Discards tensors that a valid file may contain and the model does not need.
  mutating func ignore(where isNeedless: (String) -> Bool) {
    left = left.filter { !isNeedless($0.key) }
  }

  /// Refuses biases and mixtures of experts. Called before any tensor is taken, because otherwise
  /// the error would report a missing tensor.
  func checkKinds() throws(ModelError) {
    let foreign = left.keys.filter { TensorTable.foreignKind($0) != nil }
    if let name = foreign.min() { throw TensorTable.refusal(name) }
  }

  /// Refuses the tensors that were not taken.
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

  /// The role of a tensor with this name that plain Llama models lack; nil if the name shows none.
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
