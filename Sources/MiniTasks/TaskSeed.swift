public import KVPolicyKit

/// Selects a document of a recipe. Training and held-out documents never share a random state.
public enum TaskSeed: Hashable, Sendable {
  /// A document to learn from.
  case training(UInt32)
  /// A document to test with.
  case heldOut(UInt32)

  /// The random generator of the document. Different seeds start at different states: the two cases
  /// differ in the lowest bit, and the mixing function is one to one.
  public var generator: SplitMix64 {
    switch self {
    case .training(let number): SplitMix64(seed: SplitMix64.mix(UInt64(number) << 1))
    case .heldOut(let number): SplitMix64(seed: SplitMix64.mix(UInt64(number) << 1 | 1))
    }
  }
}

/// Drawing, written out because the standard library does not promise the same draws in every
/// version.
extension SplitMix64 {
  /// A number in `range`, which is not empty.
  mutating func draw(_ range: ClosedRange<Int>) -> Int {
    let count = UInt64(range.upperBound - range.lowerBound) + 1
    return range.lowerBound + Int(next().multipliedFullWidth(by: count).high)
  }

  /// One element of `choices`, which is not empty.
  mutating func draw<Choice>(from choices: [Choice]) -> Choice {
    choices[draw(0...choices.count - 1)]
  }

  /// Permutes the elements.
  mutating func shuffle<Element>(_ elements: inout [Element]) {
    for last in stride(from: elements.count - 1, to: 0, by: -1) {
      elements.swapAt(draw(0...last), last)
    }
  }

  /// `count` different elements of `choices`, in random order.
  mutating func sample<Choice>(_ count: Int, from choices: [Choice]) -> [Choice] {
    var choices = choices
    shuffle(&choices)
    return Array(choices.prefix(count))
  }
}
