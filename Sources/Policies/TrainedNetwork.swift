import Foundation
import KVPolicyKit

/// A trained network of one layer, W x + b, or of two, W₂ GELU(W₁ x + b₁) + b₂.
struct TrainedNetwork: Sendable {
  /// The first layer.
  let first: DenseLayer
  /// The second layer; nil if the network has one only.
  let second: DenseLayer?

  /// Bytes of the numbers.
  var bytes: Int { first.bytes + (second?.bytes ?? 0) }

  /// The outputs for `x`.
  func callAsFunction(_ x: Span<Float>) -> [Float] {
    let sums = first(x)
    guard let second else { return sums }
    let active = sums.map(\.gelu)
    return second(active.span)
  }
}

/// A layer of a trained network: W x + b.
struct DenseLayer: Sendable {
  // `biases.count × inputs` numbers, a row for each output.
  private let weights: [Float]
  private let biases: [Float]
  private let inputs: Int

  /// The layer of `weights`, `outputs × inputs`, and `biases`, `outputs`.
  init(_ weights: some Collection<Float>, _ biases: some Collection<Float>) {
    (self.weights, self.biases) = (Array(weights), Array(biases))
    inputs = weights.count / max(1, biases.count)
  }

  /// Bytes of the numbers.
  var bytes: Int { 4 * (weights.count + biases.count) }

  /// The outputs for `x`, which has as many elements as a row of the weights.
  func callAsFunction(_ x: Span<Float>) -> [Float] {
    let weights = weights.span
    return biases.indices.map { output in
      biases[output] + weights.extracting(output * inputs..<(output + 1) * inputs).dot(x)
    }
  }
}

extension Float {
  /// The activation x · Φ(x), with the distribution function Φ of the normal distribution, exact
  /// and not by its approximation with a hyperbolic tangent.
  var gelu: Float { 0.5 * self * (1 + erf(self / Float(2).squareRoot())) }
}

extension Rotation? {
  /// A key's elements in the order of the models that networks are trained on.
  func trainedOrder(of key: Span<Float>) -> [Float] {
    key.indices.map { key[self?.index(ofTrained: $0) ?? $0] }
  }
}

extension Rotation {
  /// Where an element of a trained network's vector lies in a key. Networks are trained on models
  /// that turn elements half a head apart; files in GGUF have the two elements side by side.
  func index(ofTrained element: Int) -> Int {
    let pairs = inverseFrequencies.count
    guard pairing == .neighbours, element < 2 * pairs else { return element }
    return 2 * (element % pairs) + element / pairs
  }
}
