import KVPolicyKit
import ReferenceModel

/// The attention outputs of a run's steps: recorded, or compared with those of the reference.
final class OutputMeter {
  /// The reference's outputs, step by step and layer by layer; nil if this run is the reference.
  private let reference: [Float]?
  /// What this run recorded; empty if it is compared.
  private(set) var recorded: [Float] = []
  /// By layer: the sum of the steps' relative errors.
  private var errors: [Double]
  /// The number of floats seen.
  private var place = 0
  private let steps: Int

  init(_ model: LlamaModel, steps: Int, reference: [Float]?) {
    self.reference = reference
    self.steps = steps
    errors = Array(repeating: 0, count: model.shape.layers)
    if reference == nil {
      recorded.reserveCapacity(
        steps * errors.count * model.shape.queryHeads * model.configuration.headDimension)
    }
  }

  /// Sees the output of one layer in one step, before its projection.
  func add(layer: Int, _ output: Span<Float>) {
    defer { place += output.count }
    guard let reference else {
      for index in 0..<output.count { recorded.append(output[index]) }
      return
    }
    var (distance, length) = (0.0, 0.0)
    for index in 0..<output.count {
      let full = Double(reference[place + index])
      let difference = Double(output[index]) - full
      distance += difference * difference
      length += full * full
    }
    if length > 0 { errors[layer] += (distance / length).squareRoot() }
  }

  /// By layer: the mean over the steps of ‖o − o of full attention‖ / ‖o of full attention‖.
  var meanErrors: [Double] { errors.map { $0 / Double(max(1, steps)) } }
}
