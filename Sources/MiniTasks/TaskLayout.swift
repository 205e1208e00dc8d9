/// The fixed numbers of the language.
enum TaskLayout {
  /// Tokens of an item, `37 lantern 37 blue 5 still 2 calm 37` and the end of the line: its number before the
  /// words for single items and ranges, a count before those of periods, so that the prompt names each word
  /// right after the token that comes before it here too; and its number again, before the end of the line or
  /// that of the list.
  static let itemLength = 10
  /// Where an item holds the word of a single item, of a range, and of either periodic rule.
  static let (once, range, periodic) = (1, 3, [5, 7])
  /// What items hold where no constraint asks for a word, by place.
  static let rest = [
    once: TaskVocabulary.token("plain"), range: TaskVocabulary.token("bare"),
    periodic[0]: TaskVocabulary.token("still"), periodic[1]: TaskVocabulary.token("calm"),
  ]
  /// The periods that a rule on a list of some items may have.
  static func periods(items: Int) -> ClosedRange<Int> { 3...min(20, max(3, items / 2)) }
  /// The longest range, in items.
  static let longestRange = 12
  /// The fewest items a range may have to itself: two, and one that closes it.
  static let shortestShare = 3
  /// The longest copy, in words; it leaves enough other words for the rest of the document.
  static let mostCopiedWords = 24
}
