internal import ReferenceModel

/// Adam with decoupled weight decay (Loshchilov & Hutter, ICLR 2019, algorithm 2), over any run of floats.
///
/// With moments m and v corrected for their beginning at zero, a step is
/// `w −= rate · (m̂ / (√v̂ + ε) + decay · w)`, the decay for matrices only.
public struct AdamW: Sendable {
  /// The constants of the method.
  public struct Configuration: Sendable, Equatable {
    /// How much of the gradients' mean stays each step.
    public var beta1: Float = 0.9
    /// How much of their mean square stays.
    public var beta2: Float = 0.95
    /// Added to the root of the mean square.
    public var epsilon: Float = 1e-8
    /// The part of a matrix's weights that a step of rate 1 takes away.
    public var weightDecay: Float = 0.1

    /// The usual ones.
    public init() {}
  }

  /// The constants.
  public var configuration: Configuration
  /// Steps taken.
  public private(set) var steps = 0
  /// The gradients' mean.
  public private(set) var first: [Float]
  /// Their mean square.
  public private(set) var second: [Float]
  private let decayed: [Range<Int>]

  /// For `count` floats, of which those in `decayed`, in order, lose weight.
  public init(count: Int, decayed: [Range<Int>] = [], _ configuration: Configuration = .init()) {
    self.configuration = configuration
    self.decayed = decayed
    first = [Float](repeating: 0, count: count)
    second = first
  }

  /// For the weights of a model, gone on with after `steps` steps with the moments they left.
  /// - Throws: `TrainingError.request` when the moments are not as many as the weights.
  public init(
    _ layout: ParameterLayout, _ configuration: Configuration, steps: Int, first: [Float],
    second: [Float]
  ) throws(TrainingError) {
    self.init(layout, configuration)
    guard first.count == layout.count, second.count == layout.count, steps >= 0 else {
      throw .request(
        "\(layout.count) weights have as many moments, not \(first.count) and \(second.count)")
    }
    (self.first, self.second, self.steps) = (first, second, steps)
  }

  /// For the weights of a model, whose matrices lose weight.
  public init(_ layout: ParameterLayout, _ configuration: Configuration = .init()) {
    self.init(
      count: layout.count, decayed: layout.tensors.filter(\.isMatrix).map(\.range), configuration)
  }

  /// Takes one step with the gradients of `values`, each times `factor`, as clipping wants it.
  /// - Precondition: there are as many of both as the optimiser was made for.
  public mutating func step(
    _ values: inout MutableSpan<Float>, gradients: [Float], rate: Float, factor: Float = 1
  ) {
    precondition(
      values.count == first.count && gradients.count == first.count,
      "an optimiser is made for a number of weights")
    steps += 1
    let step = AdamStep(configuration, number: steps, rate: rate, factor: factor)
    let parts = parts(count: values.count)
    unsafe first.withUnsafeMutableBufferPointer { first in
      unsafe second.withUnsafeMutableBufferPointer { second in
        unsafe gradients.withUnsafeBufferPointer { gradients in
          unsafe values.withUnsafeMutableBufferPointer { values in
            guard let w = values.baseAddress, let g = gradients.baseAddress,
              let m = first.baseAddress, let v = second.baseAddress
            else { return }
            for part in parts {
              let start = part.range.lowerBound
              unsafe step.apply(
                w + start, g + start, m + start, v + start, count: part.range.count,
                decays: part.decays)
            }
          }
        }
      }
    }
  }

  /// Takes one step with the gradients of a model's weights.
  public mutating func step(
    _ parameters: inout ModelParameters, _ gradients: Gradients, rate: Float, factor: Float = 1
  ) {
    parameters.update { values in
      step(&values, gradients: gradients.weights, rate: rate, factor: factor)
    }
  }

  /// All floats, in runs that lose weight or do not.
  private func parts(count: Int) -> [(range: Range<Int>, decays: Bool)] {
    var (parts, end): ([(range: Range<Int>, decays: Bool)], Int) = ([], 0)
    for range in decayed {
      if end < range.lowerBound { parts.append((end..<range.lowerBound, false)) }
      parts.append((range, true))
      end = range.upperBound
    }
    if end < count { parts.append((end..<count, false)) }
    return parts
  }
}
