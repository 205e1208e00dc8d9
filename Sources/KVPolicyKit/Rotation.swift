#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Whether a key or query is as the model computed it, or turned as attention multiplies it.
public enum Turned: String, Hashable, Sendable {
  /// Before the rotary embedding.
  case raw
  /// After the rotary embedding, at the vector's position.
  case atPosition
}

/// How a model's rotary embedding turns queries and keys: each pair of elements by an angle that
/// grows with the position.
public struct Rotation: Hashable, Sendable {
  /// Which two elements of a head are turned together.
  public enum Pairing: Hashable, Sendable {
    /// Elements `i` and `i + pairs`.
    case halves
    /// Elements `2i` and `2i + 1`.
    case neighbours
  }

  /// The cosine and sine of one pair's angle, or the means of several.
  public struct Turn: Hashable, Sendable {
    /// The cosine.
    public var cosine: Float
    /// The sine.
    public var sine: Float
    /// The turn the other way.
    public var back: Turn { Turn(cosine: cosine, sine: -sine) }
  }

  /// For each pair its angle at position 1, in radians.
  public let inverseFrequencies: [Float]
  /// Which elements are pairs.
  public let pairing: Pairing

  /// A rotation of the first `2 × inverseFrequencies.count` elements of a head.
  public init(inverseFrequencies: [Float], pairing: Pairing) {
    self.inverseFrequencies = inverseFrequencies
    self.pairing = pairing
  }

  /// The turns at a position, one for each pair. The angle is rounded to a `Float`, as models are
  /// trained; cosine and sine are the nearest floats.
  public func turns(at position: Int) -> [Turn] {
    inverseFrequencies.map { frequency in
      let angle = Double(Float(position) * frequency)
      return Turn(cosine: Float(cos(angle)), sine: Float(sin(angle)))
    }
  }

  /// The means of the turns at some positions. What they turn is the mean of what the turns turn.
  ///
  /// - Complexity: O(positions × pairs).
  public func mean(over positions: Range<Int>) -> [Turn] {
    var sums = inverseFrequencies.map { _ in Turn(cosine: 0, sine: 0) }
    for position in positions {
      for (pair, turn) in turns(at: position).enumerated() {
        sums[pair].cosine += turn.cosine
        sums[pair].sine += turn.sine
      }
    }
    let count = Float(max(1, positions.count))
    return sums.map { Turn(cosine: $0.cosine / count, sine: $0.sine / count) }
  }

  /// Turns the vector of one head, in place.
  ///
  /// - Precondition: there is a turn for each pair, and the vector has all pairs. Policies turn the
  ///   vectors of their lanes, so fewer elements are a mistake in their code and trap.
  public func turn(_ vector: inout MutableSpan<Float>, by turns: [Turn]) {
    let pairs = inverseFrequencies.count
    precondition(turns.count == pairs && vector.count >= 2 * pairs, "a turn for each pair")
    for pair in 0..<pairs {
      let (i, j) = pairing == .halves ? (pair, pair + pairs) : (2 * pair, 2 * pair + 1)
      let (x, y, turn) = (vector[i], vector[j], turns[pair])
      vector[i] = x * turn.cosine - y * turn.sine
      vector[j] = y * turn.cosine + x * turn.sine
    }
  }

  /// Turns the vector of one head to a position, in place.
  public func turn(_ vector: inout MutableSpan<Float>, to position: Int) {
    turn(&vector, by: turns(at: position))
  }

  /// Undoes ``turn(_:to:)``, to within two units in the last place of the pair's length. A key that
  /// was rounded when it was stored keeps the error of its row format: 2⁻¹¹ of an element in f16.
  public func turnBack(_ vector: inout MutableSpan<Float>, from position: Int) {
    turn(&vector, by: turns(at: position).map(\.back))
  }
}
