/// An entry of a file's list of tensors. An entry that cannot be used is an error only if the model
/// needs the tensor.
struct ListedTensor {
  /// The tensor's name in the file.
  let name: String
  /// Whether the entry can hold weights: it has elements, and they are not integers or Booleans,
  /// which are the types of masks and tables of positions.
  let mayHoldWeights: Bool
  /// The tensor, or the reason why it cannot be used.
  let content: Result<StoredTensor, ModelError>

  /// An entry with the tensor that `read` returns, or with the error that `read` throws.
  init(
    _ name: String, mayHoldWeights: Bool = true,
    _ read: () throws(ModelError) -> StoredTensor
  ) {
    self.name = name
    self.mayHoldWeights = mayHoldWeights
    content = Result(catching: read)
  }

  /// The entry of a tensor that cannot be used for a `reason` beyond the tensor itself.
  func refused(_ reason: String) -> ListedTensor {
    ListedTensor(name, mayHoldWeights: mayHoldWeights) { () throws(ModelError) in
      throw .tensor(name: name, reason: reason)
    }
  }
}
