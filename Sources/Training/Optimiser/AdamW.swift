internal import ReferenceModel

/// Adam with decoupled weight decay (Loshchilov & Hutter, ICLR 2019, algorithm 2), over an array of
/// floats.
///
/// With moments m̂ and v̂ corrected for their start at zero, a step is
/// `w −= rate · (m̂ / (√v̂ + ε) + decay · w)`. Only matrices decay.
public struct AdamW: Sendable {
  /// The constants of AdamW.
  public struct Configuration: Sendable, Equatable {
    /// The decay of the gradients' running mean.
    public var beta1: Float = 0.9
    /// The decay of the gradients' running mean square.
    public var beta2: Float = 0.95
    /// Added to the root of the mean square (ε).
    public var epsilon: Float = 1e-8
    /// The share of a matrix's weights that a step with learning rate 1 would remove.
    public var weightDecay: Float = 0.1

    /// The default constants.
    public init() {}
  }

  /// The constants.
  public var configuration: Configuration
  /// The number of steps taken.
  public private(set) var steps = 0
  /// The running mean of the gradients (m).
  public private(set) var first: [Float]
  /// The running mean of the squared gradients (v).
  public private(set) var second: [Float]
  private let decayed: [Range<Int>]

  /// An optimiser of `count` floats. Weight decay applies to the ranges `decayed`, which are
  /// ascending.
  public init(count: Int, decayed: [Range<Int>] = [], _ configuration: Configuration = .init()) {
    self.configuration = configuration
    self.decayed = decayed
    first = [Float](repeating: 0, count: count)
    second = first
  }

  /// An optimiser that resumes after `steps` steps, with the moments of that step.
  /// - Throws: `TrainingError.request` when the number of moments is not that of the weights.
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

  /// An optimiser of a model's weights, whose matrices decay.
  public init(_ layout: ParameterLayout, _ configuration: Configuration = .init()) {
    self.init(
      count: layout.count, decayed: layout.tensors.filter(\.isMatrix).map(\.range), configuration)
  }

  /// Takes one step with the gradients of `values`, each multiplied by `factor` (for clipping).
  /// - Precondition: `values` and `gradients` have the length the optimiser was made for.
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

  /// All floats, divided into ranges that decay and ranges that do not.
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
