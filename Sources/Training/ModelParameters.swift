import Foundation
import KVPolicyKit
public import ReferenceModel

/// All weights of a model that is being trained.
public struct ModelParameters: Sendable, Equatable {
  /// Where each tensor lies.
  public let layout: ParameterLayout
  /// All weights in the order of `layout`: `layout.count` floats.
  public private(set) var values: [Float]

  /// Initial weights. Matrices are normal with standard deviation 1/√columns, the embedding with
  /// 0.1, and the gains of the norms are 1. For the matrices that write into the residual stream
  /// the deviation is divided by 5 · √(2 · layers).
  ///
  /// With GPT-2's smaller deviations a small model needs several times the tokens before it learns
  /// to look things up.
  ///
  /// Each tensor has a random generator of its own, so its values do not depend on the tensors
  /// before it.
  public init(_ model: LlamaConfiguration, seed: UInt64) {
    layout = ParameterLayout(model)
    values = [Float](repeating: 1, count: layout.count)
    let outputs = Set(layout.layers.flatMap { [$0.output.offset, $0.down.offset] })
    for (index, tensor) in layout.tensors.enumerated() where tensor.isMatrix {
      var deviation = 1 / Double(tensor.columns).squareRoot()
      if outputs.contains(tensor.offset) { deviation /= 5 * Double(2 * model.layers).squareRoot() }
      if tensor == layout.embedding { deviation = 0.1 }
      var numbers = SplitMix64(seed: SplitMix64.bits(seed: seed, at: [index]))
      for element in tensor.range {
        values[element] = Float(deviation * Self.normal(&numbers))
      }
    }
  }

  /// The weights in `values`, in the order of `layout`.
  /// - Throws: `TrainingError.request` when `values` does not have `layout.count` elements.
  public init(_ layout: ParameterLayout, values: [Float]) throws(TrainingError) {
    guard values.count == layout.count else {
      throw .request("the model has \(layout.count) weights, not \(values.count)")
    }
    self.layout = layout
    self.values = values
  }

  /// The elements of one tensor, row by row.
  public subscript(tensor: ParameterLayout.Tensor) -> ArraySlice<Float> { values[tensor.range] }

  /// Changes the values in place; their number cannot change.
  public mutating func update(_ body: (inout MutableSpan<Float>) -> Void) {
    var span = values.mutableSpan
    body(&span)
  }

  /// A normal number by the Box-Muller transform, which discards the second number of the pair.
  private static func normal(_ numbers: inout SplitMix64) -> Double {
    let radius = (-2 * log(1 - numbers.unit())).squareRoot()
    return radius * cos(2 * .pi * numbers.unit())
  }
}
