import Foundation

extension RotaryTable {
  /// The table of a model: one angle per pair of elements, stretched as its configuration says.
  ///
  /// One that `turnsBack` undoes what the other did, which is also how a gradient passes a rotation.
  package init(_ configuration: LlamaConfiguration, turnsBack: Bool = false) {
    let pairs = configuration.headDimension / 2
    let rope = configuration.rope
    let frequencies = (0..<pairs).map { pair in
      let exponent = Double(2 * pair) / Double(configuration.headDimension)
      let frequency = rope.scaled(1 / pow(rope.theta, exponent))
      let turn = Float(frequency / Double(rope.frequencyFactors?[pair] ?? 1))
      return turnsBack ? -turn : turn
    }
    self.init(headDimension: configuration.headDimension, inverseFrequencies: frequencies)
  }
}

extension RopeConfiguration {
  /// An angle per position after scaling.
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
