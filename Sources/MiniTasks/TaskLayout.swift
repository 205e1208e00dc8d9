/// The fixed numbers of the language.
enum TaskLayout {
  /// Tokens of an item, `37 lantern 37 blue 37 still 37 calm` and the end of the line: its number before each
  /// of its four words, so that each word is found by the token right before it.
  static let itemLength = 9
  /// Where an item holds the word of a single item, of a range, and of either periodic rule.
  static let (once, range, periodic) = (1, 3, [5, 7])
  /// What items hold where no constraint asks for a word, by place.
  static let rest = [
    once: TaskVocabulary.token("plain"), range: TaskVocabulary.token("bare"),
    periodic[0]: TaskVocabulary.token("still"), periodic[1]: TaskVocabulary.token("calm"),
  ]
  /// Periods that rules may have. Few, so that a model can learn which numbers each of them meets.
  static let periods = [4, 5, 6, 8, 10, 12]
  /// The longest range, in items.
  static let longestRange = 12
  /// The fewest items a range may have to itself: two, and one that closes it.
  static let shortestShare = 3
  /// The longest copy, in words; it leaves enough other words for the rest of the document.
  static let mostCopiedWords = 24
}
