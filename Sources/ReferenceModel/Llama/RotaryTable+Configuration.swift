import Foundation
import KVPolicyKit

extension RotaryTable {
  /// Makes the table of a model: one angle per pair of elements, scaled as its configuration says.
  ///
  /// With `turnsBack` the table rotates the other way, which undoes the rotation. The gradient of a
  /// rotation is computed in this way too.
  package init(_ configuration: LlamaConfiguration, turnsBack: Bool = false) {
    let frequencies = configuration.inverseFrequencies.map { turnsBack ? -$0 : $0 }
    self.init(headDimension: configuration.headDimension, inverseFrequencies: frequencies)
  }
}

extension LlamaConfiguration {
  /// The angle of each pair of elements at position 1, scaled as the configuration says.
  var inverseFrequencies: [Float] {
    (0..<headDimension / 2).map { pair in
      let exponent = Double(2 * pair) / Double(headDimension)
      let frequency = rope.scaled(1 / pow(rope.theta, exponent))
      return Float(frequency / Double(rope.frequencyFactors?[pair] ?? 1))
    }
  }

  /// The rotation of queries and keys, as policies see it.
  var rotation: Rotation {
    Rotation(
      inverseFrequencies: inverseFrequencies,
      pairing: rope.pairing == .halves ? .halves : .neighbours)
  }
}

extension RopeConfiguration {
  /// `frequency`, an angle per position, after scaling.
  func scaled(_ frequency: Double) -> Double {
    switch scaling {
    case .none: return frequency
    case .linear(let factor): return frequency / factor
    case .llama3(let factor, let low, let high, let originalContext):
      let wavelength = 2 * Double.pi / frequency
      let ratio = Double(originalContext) / wavelength
      if ratio > high { return frequency }
      if ratio < low { return frequency / factor }
      let blend = (ratio - low) / (high - low)
      return (1 - blend) * frequency / factor + blend * frequency
    }
  }
}
