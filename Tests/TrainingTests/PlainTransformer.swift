import Foundation
import KVPolicyKit
import ReferenceModel
import Training

/// The definition of a forward pass: simple loops in double precision, one token at a time. It is
/// the oracle of losses and, by central differences, of gradients.
struct PlainTransformer {
  let model: LlamaConfiguration
  let layout: ParameterLayout
  var weights: [Double]
  /// `layers × queryHeads`: the scalars of a mixed attention.
  var scalars: [Double] = []
  var sinks = 0
  var window = Int.max
  var isMixed = false
  /// The vectors that enter the first layer, if they are not rows of the embedding.
  var inputs: [[Double]]?

  init(_ model: LlamaConfiguration, _ parameters: ModelParameters, _ rule: AttentionRule) {
    self.model = model
    layout = parameters.layout
    weights = parameters.values.map(Double.init)
    switch rule {
    case .causal: break
    case .streaming(let sinks, let window): (self.sinks, self.window) = (sinks, window)
    case .mixed(let scalars, let sinks, let window):
      (self.sinks, self.window, isMixed) = (sinks, window, true)
      self.scalars = scalars.map(Double.init)
    }
  }

  func tensor(_ name: String) -> ParameterLayout.Tensor {
    guard let tensor = layout.tensor(name) else { preconditionFailure("no tensor '\(name)'") }
    return tensor
  }

  /// The rows of the embedding for some tokens.
  func embedded(_ tokens: [Int]) -> [[Double]] {
    let first = tensor("model.embed_tokens.weight").offset
    return tokens.map { Array(weights[(first + $0 * model.hidden)...].prefix(model.hidden)) }
  }

  /// The weighted mean cross-entropy.
  func loss(_ batch: TrainingBatch) -> Double {
    var (sum, total, start) = (0.0, 0.0, 0)
    let stream = inputs ?? embedded(batch.tokens)
    for length in batch.lengths {
      let logits = logits(Array(stream[start..<start + length]))
      for index in 0..<length {
        let row = logits[index]
        let top = row.max() ?? 0
        let logSum = top + log(row.reduce(0) { $0 + exp($1 - top) })
        let weight = Double(batch.weights[start + index])
        sum += weight * (logSum - row[batch.targets[start + index]])
        total += weight
      }
      start += length
    }
    return sum / total
  }

  private func multiply(_ name: String, _ x: [Double]) -> [Double] {
    let tensor = tensor(name)
    return (0..<tensor.rows).map { row in
      let first = tensor.offset + row * tensor.columns
      var sum = 0.0
      for column in 0..<tensor.columns { sum += weights[first + column] * x[column] }
      return sum
    }
  }

  private func norm(_ name: String, _ x: [Double]) -> [Double] {
    let gains = weights[tensor(name).range]
    let square = x.reduce(0) { $0 + $1 * $1 } / Double(x.count)
    let factor = 1 / (square + Double(model.normEpsilon)).squareRoot()
    return zip(x, gains).map { $0 * factor * $1 }
  }

  private func rotated(_ x: [Double], position: Int) -> [Double] {
    var y = x
    let (depth, half) = (model.headDimension, model.headDimension / 2)
    for head in 0..<x.count / depth {
      for i in 0..<half {
        let angle = Double(position) * pow(model.rope.theta, -2 * Double(i) / Double(depth))
        let (a, b) = (x[head * depth + i], x[head * depth + half + i])
        y[head * depth + i] = a * cos(angle) - b * sin(angle)
        y[head * depth + half + i] = b * cos(angle) + a * sin(angle)
      }
    }
    return y
  }

  private func logits(_ inputs: [[Double]]) -> [[Double]] {
    var stream = inputs
    for layer in 0..<model.layers {
      func name(_ part: String) -> String { "model.layers.\(layer).\(part).weight" }
      let normed = stream.map { norm(name("input_layernorm"), $0) }
      let queries = normed.enumerated().map {
        rotated(multiply(name("self_attn.q_proj"), $1), position: $0)
      }
      let keys = normed.enumerated().map {
        rotated(multiply(name("self_attn.k_proj"), $1), position: $0)
      }
      let values = normed.map { multiply(name("self_attn.v_proj"), $0) }
      for position in stream.indices {
        let mixed = attend(layer, position, queries[position], keys, values)
        stream[position] = sum(stream[position], multiply(name("self_attn.o_proj"), mixed))
        let x = norm(name("post_attention_layernorm"), stream[position])
        let gate = multiply(name("mlp.gate_proj"), x)
        let up = multiply(name("mlp.up_proj"), x)
        let inner = zip(gate, up).map { $0 / (1 + exp(-$0)) * $1 }
        stream[position] = sum(stream[position], multiply(name("mlp.down_proj"), inner))
      }
    }
    return stream.map { multiply("model.embed_tokens.weight", norm("model.norm.weight", $0)) }
  }

  private func sum(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 + $1 } }

  private func attend(
    _ layer: Int, _ position: Int, _ query: [Double], _ keys: [[Double]], _ values: [[Double]]
  ) -> [Double] {
    let depth = model.headDimension
    let seen = Array(0...position)
    let near = seen.filter { $0 < sinks || window == .max || $0 > position - window }
    return (0..<model.queryHeads).flatMap { head -> [Double] in
      let own = Array(query[head * depth..<(head + 1) * depth])
      let shared = head / (model.queryHeads / model.keyHeads) * depth
      func mixture(_ positions: [Int]) -> [Double] {
        let logits = positions.map { key in
          (0..<depth).reduce(0) { $0 + own[$1] * keys[key][shared + $1] }
            / Double(depth).squareRoot()
        }
        let top = logits.max() ?? 0
        let worths = logits.map { exp($0 - top) }
        let total = worths.reduce(0, +)
        return (0..<depth).map { element in
          zip(positions, worths).reduce(0) { $0 + $1.1 / total * values[$1.0][shared + element] }
        }
      }
      guard isMixed else { return mixture(near) }
      let z = scalars[layer * model.queryHeads + head]
      return zip(mixture(seen), mixture(near)).map { z * $0 + (1 - z) * $1 }
    }
  }
}
