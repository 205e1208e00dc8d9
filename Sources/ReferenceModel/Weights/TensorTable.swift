/// The tensors of a model by name. Each tensor is taken once. Weights of the model's layers that
/// are left over belong to a computation that this engine does not perform, so the file is refused.
struct TensorTable {
  private let names: TensorNames
  private var left: [String: ListedTensor] = [:]
  /// The tensors taken so far, in the order of taking.
  private(set) var taken: [StoredTensor] = []

  /// Tensors that some files hold and no model reads: rotary angles, which the configuration
  /// determines.
  private static let needlessMarks = [".rotary_emb.", ".attn_rot_embd"]

  /// The table of a file whose tensors have `names`. A tensor that appears in more than one file
  /// cannot be used.
  init(_ tensors: [ListedTensor], names: TensorNames) {
    self.names = names
    for tensor in tensors
    where !TensorTable.needlessMarks.contains(where: tensor.name.contains) {
      let isRepeated = left[tensor.name] != nil
      left[tensor.name] = isRepeated ? tensor.refused("appears in more than one file") : tensor
    }
  }

  /// Whether tensor `name` exists and was not taken yet.
  func has(_ name: String) -> Bool { left[name] != nil }

  /// The shape of tensor `name`, outermost axis first; nil if it is missing or already taken.
  func shape(_ name: String) throws(ModelError) -> [Int]? { try left[name]?.content.get().shape }

  /// Takes a matrix of exactly `rows × columns`.
  mutating func matrix(
    _ name: String, rows: Int, columns: Int
  ) throws(ModelError) -> WeightMatrix {
    let tensor = try take(name, shape: [rows, columns]).aligned()
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

  /// Discards a tensor that a valid file may contain and the model does not need.
  mutating func ignore(_ name: String) { left[name] = nil }

  /// Refuses mixtures of experts. Called before any tensor is taken, because otherwise the error
  /// would report a missing tensor.
  func checkExperts() throws(ModelError) {
    let experts = weightsLeft.filter { names.owns($0) && TensorTable.isOfExperts($0) }
    if let name = experts.min() { throw TensorTable.refusal(name) }
  }

  /// Refuses weights among the model's own names that were not taken, and tensors that were taken
  /// and share bytes.
  func checkRest() throws(ModelError) {
    if let name = weightsLeft.filter(names.owns).min() { throw TensorTable.refusal(name) }
    for (_, tensors) in Dictionary(grouping: taken, by: { ObjectIdentifier($0.file) }) {
      try StoredTensor.checkNoOverlap(tensors.map { ($0.name, $0.range) })
    }
  }

  /// The names of the tensors that were not taken, ascending. Those under `weights` may be part of
  /// a computation that this engine does not perform; the rest cannot hold weights.
  var unread: (weights: [String], rest: [String]) {
    let weights = Set(weightsLeft)
    return (weights.sorted(), left.keys.filter { !weights.contains($0) }.sorted())
  }

  private var weightsLeft: [String] { left.values.filter(\.mayHoldWeights).map(\.name) }

  private mutating func take(_ name: String, shape: [Int]) throws(ModelError) -> StoredTensor {
    guard let listed = left.removeValue(forKey: name) else {
      throw .tensor(name: name, reason: "is missing")
    }
    let tensor = try listed.content.get()
    guard let shaped = tensor.shaped(shape) else {
      throw .tensor(
        name: name, reason: "has shape \(tensor.shape); the configuration asks for \(shape)")
    }
    taken.append(shaped)
    return shaped
  }

  /// Whether a tensor with this name is part of a mixture of experts.
  private static func isOfExperts(_ name: String) -> Bool {
    ["_exps.", "ffn_gate_inp", ".experts.", "block_sparse_moe"].contains { name.contains($0) }
  }

  /// The error about a tensor that the model does not have.
  private static func refusal(_ name: String) -> ModelError {
    let role =
      isOfExperts(name)
      ? "part of a mixture of experts"
      : name.hasSuffix(".bias") ? "a bias" : "not a part of the configured layers"
    return .unsupported(
      what: "tensor '\(name)' (\(role))",
      supported: "exactly the tensors of a dense model (\(Architecture.names)), with biases on "
        + "queries, keys and values in qwen2 only")
  }
}
