/// Draws, written out because the standard library does not promise the same draws in every
/// version.
extension SplitMix64 {
  /// A number in `range`, which is not empty.
  package mutating func draw(_ range: ClosedRange<Int>) -> Int {
    let count = UInt64(range.upperBound - range.lowerBound) + 1
    return range.lowerBound + Int(next().multipliedFullWidth(by: count).high)
  }

  /// One element of `choices`, which is not empty.
  package mutating func draw<Choice>(from choices: [Choice]) -> Choice {
    choices[draw(0...choices.count - 1)]
  }

  /// Permutes the elements.
  package mutating func shuffle<Element>(_ elements: inout [Element]) {
    for last in stride(from: elements.count - 1, to: 0, by: -1) {
      elements.swapAt(draw(0...last), last)
    }
  }

  /// `count` different elements of `choices`, in random order.
  package mutating func sample<Choice>(_ count: Int, from choices: [Choice]) -> [Choice] {
    var choices = choices
    shuffle(&choices)
    return Array(choices.prefix(count))
  }
}
