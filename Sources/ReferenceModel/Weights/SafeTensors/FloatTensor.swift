/// A named list of floats with a shape: what a trainer saves, and reads again.
public struct FloatTensor: Sendable, Equatable {
  /// Its name, such as `model.layers.0.mlp.up_proj.weight`.
  public var name: String
  /// Elements along each axis, outermost first: a matrix is `[outputs, inputs]`.
  public var shape: [Int]
  /// The elements, row-major; as many as the product of `shape`.
  public var values: [Float]

  /// Puts the three together; whoever uses the tensor checks that they agree.
  public init(_ name: String, shape: [Int], values: [Float]) {
    self.name = name
    self.shape = shape
    self.values = values
  }
}
