/// The constants of the language.
enum TaskLayout {
  /// Tokens of an item: `37 lantern 37 blue 5 still 2 calm 37` and the end of the line.
  ///
  /// The item's number comes before the words of single items and ranges, and a count before the
  /// words of periods. So each word follows the token that it also follows in the prompt. The
  /// number comes once more before the end of the line or of the list.
  static let itemLength = 10
  /// The index in an item of the word of a single item, of a range, and of both periodic rules.
  static let (once, range, periodic) = (1, 3, [5, 7])
  /// The filler words of an item, by index: they stand where no constraint gives a word.
  static let rest = [
    once: TaskVocabulary.token("plain"), range: TaskVocabulary.token("bare"),
    periodic[0]: TaskVocabulary.token("still"), periodic[1]: TaskVocabulary.token("calm"),
  ]
  /// The legal periods of a rule on a list of `items` items.
  static func periods(items: Int) -> ClosedRange<Int> { 3...min(20, max(3, items / 2)) }
  /// The longest range, in items.
  static let longestRange = 12
  /// The fewest items of a range's section: two, and one that closes the range.
  static let shortestShare = 3
  /// The longest copy, in words. It leaves enough other words for the document.
  static let mostCopiedWords = 24
}
