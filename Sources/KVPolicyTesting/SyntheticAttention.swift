import KVPolicyKit

/// Queries, keys and values that come from a formula instead of a model.
///
/// It runs any policy in the real store in microseconds, with attention that a test can choose.
public struct SyntheticAttention: Sendable {
  /// A vector of `headDimension` numbers for one layer, head and position. Heads are query heads
  /// for queries, key heads for keys and values.
  public typealias Vectors = @Sendable (_ layer: Int, _ head: Int, _ position: Int) -> [Float]
  /// A scaled attention logit for one layer, query head, query position and key position.
  public typealias Logit =
    @Sendable (
      _ layer: Int, _ queryHead: Int, _ query: Int, _ key: Int
    ) -> Float

  /// The shape of the cache that this attention feeds.
  public let shape: CacheShape
  /// The query of each query head, before rotation.
  public var query: Vectors
  /// The key of each key head, before rotation.
  public var key: Vectors
  /// The value of each key head.
  public var value: Vectors
  /// What a layer's projections read of a position's token, with as many numbers in every layer and
  /// at every position. By default the layer's queries of the position, one head after the other.
  public var input: @Sendable (_ layer: Int, _ position: Int) -> [Float]
  /// One row of the output projection's columns that belong to a query head; the last argument is
  /// the row, from 0 to `headDimension` − 1. By default a row of the unit matrix.
  public var output: Vectors
  /// If given, computes the logits; queries and keys then have no effect on them.
  public var logit: Logit?
  /// The likeliest token after so many tokens, for policies whose cadence depends on it.
  public var predicted: @Sendable (_ tokens: Int) -> Int = { _ in 0 }
  /// The base of the rotary embedding, which turns neighbouring pairs of elements; nil for none.
  public var rotaryBase: Double?

  /// Attention from formulas.
  ///
  /// - Precondition: with a `rotaryBase`, the shape's head dimension is even. An odd one is a
  ///   mistake in the test and traps.
  public init(
    shape: CacheShape, rotaryBase: Double? = nil, query: @escaping Vectors, key: @escaping Vectors,
    value: @escaping Vectors
  ) {
    precondition(
      rotaryBase == nil || shape.headDimension % 2 == 0, "rotation turns pairs of elements")
    self.shape = shape
    self.rotaryBase = rotaryBase
    self.query = query
    self.key = key
    self.value = value
    input = { layer, position in
      (0..<shape.queryHeads).flatMap { query(layer, $0, position) }
    }
    output = { _, _, row in (0..<shape.headDimension).map { $0 == row ? 1 : 0 } }
  }

  /// Random vectors that depend on the seed only. Queries are twice as long as keys, so that
  /// attention is neither flat nor all on one token.
  public static func random(
    shape: CacheShape, seed: UInt64, rotaryBase: Double? = nil
  ) -> SyntheticAttention {
    func vectors(_ kind: Int, _ scale: Double) -> Vectors {
      { layer, head, position in
        (0..<shape.headDimension).map {
          let coordinates = [kind, layer, head, position, $0]
          return Float(scale * SplitMix64.number(seed: seed, at: coordinates))
        }
      }
    }
    var source = SyntheticAttention(
      shape: shape, rotaryBase: rotaryBase, query: vectors(0, 2), key: vectors(1, 1),
      value: vectors(2, 1))
    source.output = vectors(4, 1)
    source.predicted = { Int(SplitMix64.bits(seed: seed, at: [3, $0]) % 16) }
    return source
  }

  /// One layer and head whose probabilities are proportional to `weight(query, key)`.
  public static func weights(
    _ weight: @escaping @Sendable (_ query: Int, _ key: Int) -> Double
  ) -> SyntheticAttention {
    let shape = CacheShape(layers: 1, keyHeads: 1, queryHeads: 1, headDimension: 2)
    var source = SyntheticAttention(
      shape: shape, query: { _, _, _ in [0, 0] }, key: { _, _, _ in [0, 0] },
      value: { _, _, position in [Float(position), 1] })
    source.logit = { _, _, query, key in Float(logarithm(weight(query, key))) }
    return source
  }

  /// The rotary embedding as policies see it.
  var rotation: Rotation? {
    rotaryBase.map { base in
      let width = shape.headDimension
      return Rotation(
        inverseFrequencies: stride(from: 0, to: width - 1, by: 2).map {
          Float(power(base, -Double($0) / Double(width)))
        }, pairing: .neighbours)
    }
  }

  /// Rotates a vector as the rotary embedding does at `place`: pair `i` by `place / base^(2i/d)`.
  func rotate(_ vector: [Float], at place: Int) -> [Float] {
    guard let rotaryBase else { return vector }
    var result = vector
    for index in stride(from: 0, to: vector.count - 1, by: 2) {
      let frequency = power(rotaryBase, -Double(index) / Double(vector.count))
      let (sine, cosine) = sineAndCosine(Double(place) * frequency)
      let (x, y) = (Double(vector[index]), Double(vector[index + 1]))
      result[index] = Float(x * cosine - y * sine)
      result[index + 1] = Float(x * sine + y * cosine)
    }
    return result
  }
}
