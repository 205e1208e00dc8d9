import KVPolicyKit

/// Text with sentences hidden in it.
struct Haystack {
  /// The text.
  let text: String
  /// Where each hidden sentence is, from 0 at the start of the text to 100 at its end.
  let depths: [Double]

  /// The depths at which RULER hides sentences in an essay: 40 values from 0 to 100, rounded.
  static let depths = (0..<40).map { Int((Double($0) * 100 / 39).rounded()) }

  /// Inserts sentences before the units of a text. A unit is a sentence or a line.
  ///
  /// - Parameters:
  ///   - indices: for each sentence, the number of units before it, ascending.
  init(_ units: [String], hiding sentences: [String], at indices: [Int], separator: String) {
    var (parts, starts, bytes) = ([String](), [Int](), 0)
    func add(_ part: String) {
      parts.append(part)
      bytes += part.utf8.count + separator.utf8.count
    }
    var next = 0
    for (index, sentence) in zip(indices, sentences) {
      units[next..<index].forEach(add)
      next = index
      starts.append(bytes)
      add(sentence)
    }
    units[next...].forEach(add)
    text = parts.joined(separator: separator)
    let length = Double(max(1, text.utf8.count))
    depths = starts.map { 100 * Double($0) / length }
  }

  /// Sentences of an essay, with sentences hidden at distinct depths of RULER's forty.
  static func essay(
    _ count: Int, hiding sentences: [String], filler: SplitMix64, places: inout SplitMix64
  ) -> Haystack {
    var essay = Essay(filler)
    let depths = places.sample(sentences.count, from: depths).sorted()
    return Haystack(
      essay.sentences(count), hiding: sentences, at: depths.map { count * $0 / 100 },
      separator: " ")
  }

  /// Lines, with sentences hidden at distinct random lines.
  static func lines(
    _ lines: [String], hiding sentences: [String], places: inout SplitMix64
  ) -> Haystack {
    let indices = places.distinct(sentences.count, below: lines.count).sorted()
    return Haystack(lines, hiding: sentences, at: indices, separator: "\n")
  }
}

extension SplitMix64 {
  /// `count` distinct numbers from 0 to `limit` − 1, in random order (Floyd's method). The limit is
  /// at least the count.
  mutating func distinct(_ count: Int, below limit: Int) -> [Int] {
    var (numbers, seen) = ([Int](), Set<Int>())
    for last in limit - count..<limit {
      let drawn = draw(0...last)
      let number = seen.insert(drawn).inserted ? drawn : last
      seen.insert(number)
      numbers.append(number)
    }
    shuffle(&numbers)
    return numbers
  }
}
