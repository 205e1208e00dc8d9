/// Which gradients a pass computes. What nobody asks for is not computed.
public struct GradientRequest: OptionSet, Sendable {
  /// The bits.
  public let rawValue: Int

  /// A set of those whose bits are 1.
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// Those of all weights.
  public static let weights = GradientRequest(rawValue: 1)
  /// Those of the vectors that go into the first layer.
  public static let inputs = GradientRequest(rawValue: 2)
  /// Those of the heads' scalars in a mixed attention.
  public static let headScalars = GradientRequest(rawValue: 4)
}

/// The sums of gradients of one or more passes.
public struct Gradients: Sendable {
  /// Where each tensor's gradient lies.
  public let layout: ParameterLayout
  /// Of the weights, summed over passes.
  public internal(set) var weights: [Float]
  /// Of the heads' scalars, `layers × queryHeads`, summed over passes.
  public internal(set) var headScalars: [Float]
  /// Of the vectors that went into the first layer, `tokens × hidden`, of the last pass.
  public internal(set) var inputs: [Float] = []

  /// Zeros for a model of `layout`, with `headScalars` scalars.
  public init(_ layout: ParameterLayout, headScalars: Int = 0) {
    self.layout = layout
    weights = [Float](repeating: 0, count: layout.count)
    self.headScalars = [Float](repeating: 0, count: headScalars)
  }

  /// Makes every sum zero, before the passes of a new step.
  public mutating func clear() {
    unsafe weights.withUnsafeMutableBufferPointer { unsafe $0.update(repeating: 0) }
    for index in headScalars.indices { headScalars[index] = 0 }
    inputs = []
  }

  /// The gradient of one tensor.
  public subscript(tensor: ParameterLayout.Tensor) -> ArraySlice<Float> { weights[tensor.range] }
}
