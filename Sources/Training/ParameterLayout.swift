public import ReferenceModel

/// Where every tensor of a model lies in one contiguous array of floats.
///
/// Weights, gradients and an optimiser's moments all use the same layout. Names are those of
/// Hugging Face's files; matrices are `outputs × inputs`, row-major.
public struct ParameterLayout: Sendable, Equatable {
  /// One tensor.
  public struct Tensor: Sendable, Equatable {
    /// Its name in a safetensors file.
    public let name: String
    /// The offset of its first float.
    public let offset: Int
    /// The rows of a matrix; 1 for the gains of a norm.
    public let rows: Int
    /// The elements of a row.
    public let columns: Int
    /// Whether the tensor is a matrix. Weight decay applies to matrices only.
    public let isMatrix: Bool
    /// The indices of its floats.
    public var range: Range<Int> { offset..<offset + rows * columns }
    /// The sizes of the axes, as files store them.
    var shape: [Int] { isMatrix ? [rows, columns] : [columns] }
  }

  /// The tensors of one transformer layer.
  struct Layer: Sendable, Equatable {
    let attentionNorm, query, key, value, output: Tensor
    let feedForwardNorm, gate, up, down: Tensor
  }

  /// All tensors in memory order, without gaps.
  public let tensors: [Tensor]
  let embedding: Tensor
  let layers: [Layer]
  let outputNorm: Tensor

  /// The number of floats.
  public var count: Int { outputNorm.range.upperBound }

  /// The layout of a model, with Hugging Face's names. The embedding is also the output head.
  public init(_ model: LlamaConfiguration) { self.init(model, names: .huggingFace) }

  /// The layout with the names of a file format.
  init(_ model: LlamaConfiguration, names: TensorNames) {
    var tensors: [Tensor] = []
    func add(_ name: String, _ rows: Int?, _ columns: Int) -> Tensor {
      let tensor = Tensor(
        name: name, offset: tensors.last?.range.upperBound ?? 0, rows: rows ?? 1,
        columns: columns, isMatrix: rows != nil)
      tensors.append(tensor)
      return tensor
    }
    let (hidden, inner) = (model.hidden, model.intermediate)
    let queries = model.queryHeads * model.headDimension
    let keys = model.keyHeads * model.headDimension
    embedding = add(names.embedding, model.vocabulary, hidden)
    layers = (0..<model.layers).map { index in
      let names = names.layer(index)
      return Layer(
        attentionNorm: add(names.attentionNorm, nil, hidden),
        query: add(names.query, queries, hidden), key: add(names.key, keys, hidden),
        value: add(names.value, keys, hidden), output: add(names.output, hidden, queries),
        feedForwardNorm: add(names.feedForwardNorm, nil, hidden),
        gate: add(names.gate, inner, hidden), up: add(names.up, inner, hidden),
        down: add(names.down, hidden, inner))
    }
    outputNorm = add(names.outputNorm, nil, hidden)
    self.tensors = tensors
  }

  /// The tensor called `name`, if the model has one.
  public func tensor(_ name: String) -> Tensor? { tensors.first { $0.name == name } }
}
