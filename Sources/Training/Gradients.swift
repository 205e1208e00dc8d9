/// Which gradients a pass computes. It skips all others.
public struct GradientRequest: OptionSet, Sendable {
  /// The bits of the set.
  public let rawValue: Int

  /// The set of gradients whose bits in `rawValue` are 1.
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// The gradients of all weights.
  public static let weights = GradientRequest(rawValue: 1)
  /// The gradients of the vectors that enter the first layer.
  public static let inputs = GradientRequest(rawValue: 2)
  /// The gradients of the heads' scalars in mixed attention.
  public static let headScalars = GradientRequest(rawValue: 4)
}

/// Gradients, summed over one or more passes.
public struct Gradients: Sendable {
  /// Where each tensor's gradient lies.
  public let layout: ParameterLayout
  /// The gradients of the weights, summed over passes.
  public internal(set) var weights: [Float]
  /// The gradients of the heads' scalars, `layers × queryHeads`, summed over passes.
  public internal(set) var headScalars: [Float]
  /// The gradients of the vectors that entered the first layer in the last pass, `tokens × hidden`.
  public internal(set) var inputs: [Float] = []

  /// Zero gradients for a model of `layout`, with `headScalars` scalars.
  public init(_ layout: ParameterLayout, headScalars: Int = 0) {
    self.layout = layout
    weights = [Float](repeating: 0, count: layout.count)
    self.headScalars = [Float](repeating: 0, count: headScalars)
  }

  /// Sets every sum to zero, before the passes of a new step.
  public mutating func clear() {
    unsafe weights.withUnsafeMutableBufferPointer { unsafe $0.update(repeating: 0) }
    for index in headScalars.indices { headScalars[index] = 0 }
    inputs = []
  }

  /// The gradient of one tensor.
  public subscript(tensor: ParameterLayout.Tensor) -> ArraySlice<Float> { weights[tensor.range] }
}
