import Foundation
import KVPolicyKit
public import ReferenceModel

/// All weights of a model in training.
public struct ModelParameters: Sendable, Equatable {
  /// Where each tensor lies.
  public let layout: ParameterLayout
  /// `layout.count` floats.
  public private(set) var values: [Float]

  /// The weights a training begins with: normal numbers of deviation 1/√columns, of the matrices that write
  /// into the residual stream less by 5 · √(2 · layers), of the embedding 0.1; gains of norms 1.
  ///
  /// With GPT-2's smaller numbers a small model needs many times as many tokens before it finds that it can
  /// look things up.
  ///
  /// Each tensor draws numbers of its own, so none depends on how many came before.
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

  /// The weights in `values`, which lie as `layout` says.
  /// - Throws: `TrainingError.request` when they are too few or too many.
  public init(_ layout: ParameterLayout, values: [Float]) throws(TrainingError) {
    guard values.count == layout.count else {
      throw .request("the model has \(layout.count) weights, not \(values.count)")
    }
    self.layout = layout
    self.values = values
  }

  /// The elements of one tensor, row by row.
  public subscript(tensor: ParameterLayout.Tensor) -> ArraySlice<Float> { values[tensor.range] }

  /// Changes the values where they lie; their number stays.
  public mutating func update(_ body: (inout MutableSpan<Float>) -> Void) {
    var span = values.mutableSpan
    body(&span)
  }

  /// Box and Muller's transform; one of its two numbers.
  private static func normal(_ numbers: inout SplitMix64) -> Double {
    let radius = (-2 * log(1 - numbers.unit())).squareRoot()
    return radius * cos(2 * .pi * numbers.unit())
  }
}
