import Foundation

/// The sines and cosines of rotary position embedding, per position and frequency.
///
/// The angle is the product of position and inverse frequency in single precision, as the models were
/// trained; its sine and cosine are the nearest floats. `prepare` fills the table; after that, any
/// number of threads may rotate. A position beyond the table is rotated too, only slower.
package struct RotaryTable: Sendable {
  /// Which two elements of a head are rotated together.
  package typealias Pairing = RopeConfiguration.Pairing

  /// Elements of a head. The first `2 · frequencies` of them are rotated.
  package let headDimension: Int
  private let inverseFrequencies: [Float]
  private let attentionScale: Float
  /// `prepared × frequencies` each, row by row.
  private var cosines: [Float] = []
  private var sines: [Float] = []
  /// Positions in the table: `0..<prepared`.
  package private(set) var prepared = 0

  /// Positions added to the table at once.
  private static let block = 256

  /// A table for heads of `headDimension` elements; cosines and sines are multiplied by
  /// `attentionScale`, which is 1 except in models that stretch their context.
  /// - Precondition: there are at most `headDimension / 2` frequencies.
  package init(headDimension: Int, inverseFrequencies: [Float], attentionScale: Float = 1) {
    precondition(
      2 * inverseFrequencies.count <= headDimension, "a frequency rotates two elements of a head")
    self.headDimension = headDimension
    self.inverseFrequencies = inverseFrequencies
    self.attentionScale = attentionScale
  }

  /// Extends the table so that it holds positions `0..<count`; in whole blocks, so that preparing for
  /// one more position each step is rarely any work.
  package mutating func prepare(upTo count: Int) {
    guard count > prepared else { return }
    let target = (count + Self.block - 1) / Self.block * Self.block
    cosines.reserveCapacity(target * inverseFrequencies.count)
    sines.reserveCapacity(target * inverseFrequencies.count)
    for position in prepared..<target {
      for frequency in inverseFrequencies.indices {
        let (cosine, sine) = turn(position, frequency)
        cosines.append(cosine)
        sines.append(sine)
      }
    }
    prepared = target
  }

  /// Rotates `heads` heads, `heads × headDimension` floats at `x`, to `position`, which may be
  /// negative: that turns back.
  @unsafe package func rotate(
    _ x: UnsafeMutablePointer<Float>, heads: Int, position: Int, pairing: Pairing
  ) {
    let count = inverseFrequencies.count
    guard position >= 0, position < prepared else {
      return unsafe rotateUnprepared(x, heads: heads, position: position, pairing: pairing)
    }
    // Row `position` is in the table, as it is below `prepared`.
    unsafe cosines.withUnsafeBufferPointer { cosines in
      unsafe sines.withUnsafeBufferPointer { sines in
        guard let c = cosines.baseAddress, let s = sines.baseAddress else { return }
        for head in 0..<heads {
          let p = unsafe x + head &* headDimension
          let (c, s) = unsafe (c + position &* count, s + position &* count)
          switch pairing {
          case .halves: unsafe Self.rotateHalves(p, c, s, count)
          case .interleaved: unsafe Self.rotatePairs(p, c, s, count)
          }
        }
      }
    }
  }

  /// Cosine and sine of one position and frequency.
  private func turn(_ position: Int, _ frequency: Int) -> (cosine: Float, sine: Float) {
    let angle = Double(Float(position) * inverseFrequencies[frequency])
    return (Float(cos(angle)) * attentionScale, Float(sin(angle)) * attentionScale)
  }

  @unsafe private func rotateUnprepared(
    _ x: UnsafeMutablePointer<Float>, heads: Int, position: Int, pairing: Pairing
  ) {
    let count = inverseFrequencies.count
    for frequency in 0..<count {
      let (cosine, sine) = turn(position, frequency)
      for head in 0..<heads {
        let p = unsafe x + head &* headDimension
        let (i, j) =
          switch pairing {
          case .halves: (frequency, frequency + count)
          case .interleaved: (2 * frequency, 2 * frequency + 1)
          }
        unsafe (p[i], p[j]) = (p[i] * cosine - p[j] * sine, p[j] * cosine + p[i] * sine)
      }
    }
  }

  /// Products are rounded before they are added, as in the frameworks the models come from.
  @unsafe private static func rotateHalves(
    _ x: UnsafeMutablePointer<Float>, _ c: UnsafePointer<Float>, _ s: UnsafePointer<Float>,
    _ count: Int
  ) {
    var i = 0
    while i &+ 8 <= count {
      let (a, b) = unsafe (load8(x + i), load8(x + count + i))
      let (cosine, sine) = unsafe (load8(c + i), load8(s + i))
      unsafe store8(a * cosine - b * sine, x + i)
      unsafe store8(b * cosine + a * sine, x + count + i)
      i &+= 8
    }
    while i < count {
      let (a, b) = unsafe (x[i], x[count &+ i])
      unsafe x[i] = a * c[i] - b * s[i]
      unsafe x[count &+ i] = b * c[i] + a * s[i]
      i &+= 1
    }
  }

  @unsafe private static func rotatePairs(
    _ x: UnsafeMutablePointer<Float>, _ c: UnsafePointer<Float>, _ s: UnsafePointer<Float>,
    _ count: Int
  ) {
    for i in 0..<count {
      let (a, b) = unsafe (x[2 &* i], x[2 &* i &+ 1])
      unsafe x[2 &* i] = a * c[i] - b * s[i]
      unsafe x[2 &* i &+ 1] = b * c[i] + a * s[i]
    }
  }
}
