import Foundation

/// The sines and cosines of rotary position embedding, per position and frequency.
///
/// The angle is the product of position and inverse frequency in single precision, as the models
/// were trained; its sine and cosine are the nearest floats. `prepare` fills the table; after that,
/// any number of threads may rotate. A position outside the table can be rotated too, but more
/// slowly.
package struct RotaryTable: Sendable {
  /// Elements of a head. The first `2 · frequencies` of them are rotated.
  package let headDimension: Int
  private let inverseFrequencies: [Float]
  private let attentionScale: Float
  /// `prepared.count × frequencies` each, one line of the table per position.
  private var cosines: [Float] = []
  private var sines: [Float] = []
  /// Positions in the table.
  package private(set) var prepared = 0..<0

  /// Positions added to the table at once.
  private static let block = 256

  /// Makes a table for heads of `headDimension` elements.
  ///
  /// Cosines and sines are multiplied by `attentionScale`, which is 1 except in models that stretch
  /// their context.
  /// - Precondition: there are at most `headDimension / 2` frequencies.
  package init(headDimension: Int, inverseFrequencies: [Float], attentionScale: Float = 1) {
    precondition(
      2 * inverseFrequencies.count <= headDimension, "a frequency rotates two elements of a head")
    self.headDimension = headDimension
    self.inverseFrequencies = inverseFrequencies
    self.attentionScale = attentionScale
  }

  /// Makes the table hold `positions`.
  ///
  /// The table is filled in whole blocks, so preparing one more position each step is rarely any
  /// work.
  ///
  /// If `positions` begin where the table begins, the table grows: places in a cache, which are
  /// looked up in any order, are always prepared from 0. Otherwise the table moves on, and takes no
  /// more memory for the millionth token than for the thousandth.
  package mutating func prepare(_ positions: Range<Int>) {
    guard positions.upperBound > prepared.upperBound || positions.lowerBound < prepared.lowerBound
    else { return }
    if positions.lowerBound != prepared.lowerBound {
      cosines.removeAll(keepingCapacity: true)
      sines.removeAll(keepingCapacity: true)
      prepared = positions.lowerBound..<positions.lowerBound
    }
    let count = (positions.count + Self.block - 1) / Self.block * Self.block
    cosines.reserveCapacity(count * inverseFrequencies.count)
    sines.reserveCapacity(count * inverseFrequencies.count)
    for position in prepared.upperBound..<prepared.lowerBound + count {
      for frequency in inverseFrequencies.indices {
        let (cosine, sine) = turn(position, frequency)
        cosines.append(cosine)
        sines.append(sine)
      }
    }
    prepared = prepared.lowerBound..<prepared.lowerBound + count
  }

  /// Rotates `heads` heads, `heads × headDimension` floats at `x`, to `position`. A negative
  /// `position` rotates backwards.
  @unsafe package func rotate(
    _ x: UnsafeMutablePointer<Float>, heads: Int, position: Int, pairing: RotaryPairing
  ) {
    guard prepared.contains(position) else {
      return unsafe rotateUnprepared(x, heads: heads, position: position, pairing: pairing)
    }
    unsafe withTurns { cosines, sines in
      // The position has a line in the table, as was just checked.
      let offset = (position &- prepared.lowerBound) &* inverseFrequencies.count
      for head in 0..<heads {
        unsafe rotatePrepared(
          x + head &* headDimension, cosines + offset, sines + offset, pairing)
      }
    }
  }

  /// Rotates consecutive heads at `x`, head i to `places[i]`.
  @unsafe package func rotate(
    _ x: UnsafeMutablePointer<Float>, places: UnsafeBufferPointer<Int32>, pairing: RotaryPairing
  ) {
    unsafe withTurns { cosines, sines in
      for index in 0..<places.count {
        let (head, position) = unsafe (x + index &* headDimension, Int(places[index]))
        guard prepared.contains(position) else {
          unsafe rotateUnprepared(head, heads: 1, position: position, pairing: pairing)
          continue
        }
        // The position has a line in the table, as was just checked.
        let offset = (position &- prepared.lowerBound) &* inverseFrequencies.count
        unsafe rotatePrepared(head, cosines + offset, sines + offset, pairing)
      }
    }
  }

  /// Lends the table. The pointers of an empty table must not be read.
  @unsafe @inline(__always)
  private func withTurns(_ body: (UnsafePointer<Float>, UnsafePointer<Float>) -> Void) {
    unsafe cosines.withUnsafeBufferPointer { cosines in
      unsafe sines.withUnsafeBufferPointer { sines in
        let nothing = unsafe UnsafePointer<Float>(bitPattern: 64).unsafelyUnwrapped
        unsafe body(cosines.baseAddress ?? nothing, sines.baseAddress ?? nothing)
      }
    }
  }

  /// Rotates one head by a line of the table.
  @unsafe @inline(__always)
  private func rotatePrepared(
    _ x: UnsafeMutablePointer<Float>, _ cosines: UnsafePointer<Float>,
    _ sines: UnsafePointer<Float>, _ pairing: RotaryPairing
  ) {
    switch pairing {
    case .halves: unsafe Self.rotateHalves(x, cosines, sines, inverseFrequencies.count)
    case .interleaved: unsafe Self.rotatePairs(x, cosines, sines, inverseFrequencies.count)
    }
  }

  /// Cosine and sine of one position and frequency.
  private func turn(_ position: Int, _ frequency: Int) -> (cosine: Float, sine: Float) {
    let angle = Double(Float(position) * inverseFrequencies[frequency])
    return (Float(cos(angle)) * attentionScale, Float(sin(angle)) * attentionScale)
  }

  @unsafe private func rotateUnprepared(
    _ x: UnsafeMutablePointer<Float>, heads: Int, position: Int, pairing: RotaryPairing
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

/// Which two elements of a head rotary position embedding rotates together.
public enum RotaryPairing: String, Sendable {
  /// Element `i` with `i + dimensions / 2`: Hugging Face's order.
  case halves
  /// Element `2i` with `2i + 1`: the order of GGUF files, whose query and key rows are permuted.
  case interleaved
}
