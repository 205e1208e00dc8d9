/// The words of the language, by their role.
///
/// Trained models depend on the order of the words: never change it.
enum TaskWords {
  /// The words that give a line its meaning.
  static let structure = words(
    """
    start at from until every key set copy end list to ask last answer done stop plain bare
    still calm
    """)
  /// The labels of questions, in the order in which they are asked.
  static let labels = (1...24).map { "q\($0)" }
  /// Numbers: items of a list, periods, and the values of variables. Each is one token, so a model
  /// need not spell.
  static let numbers = (1...256).map { String($0) }
  /// The names of keys and variables.
  static let names = words(
    """
    ada alma anton bela boris cara carl clara dana david dora edgar elena emil erik eva felix
    fiona frank gina greta hanna henry hugo ida igor ines ivan jana jonas julia karl kira laura
    leo lina lukas maria max mila nina oscar paula peter rosa simon tara viktor
    """)
  /// The words of single items, the values of keys, and the words of copies.
  static let things = words(
    """
    anchor apple arrow barrel basket bottle bread brick bridge button candle carpet chain clock
    compass crown curtain drum engine feather flag flute garden glass hammer harbor honey kettle
    ladder lamp lantern letter lemon magnet marble mirror needle orange paper pencil pepper
    piano pillow pocket ribbon saddle shovel silver spoon table ticket tower violin wagon
    whistle window
    """)
  /// The words of ranges.
  static let colors = words(
    """
    amber azure beige black blue bronze brown coral crimson gold gray green indigo ivory olive
    pink purple red white yellow
    """)
  /// The words of the first periodic rule.
  static let sounds = words(
    """
    bang beep buzz chime clang click crack gong hiss hum knock ring roar snap thud toll
    """)
  /// The words of the second periodic rule.
  static let weather = words(
    """
    breeze cloud dew dust fog frost hail haze ice mist rain sleet smoke snow storm thunder
    """)
  /// The words of the filler sentences.
  static let filler = words(
    """
    the a and of in on with by was is had went came saw took gave found made kept left old young
    small large long short quiet slow quick warm cold river hill road house field forest village
    market morning evening summer winter people children horse bird stone water bell boat story
    song never often
    """)

  /// Every word; its index is its token.
  static let all =
    ["\n"] + structure + labels + numbers + names + things + colors + sounds + weather + filler

  private static func words(_ text: String) -> [String] {
    text.split { $0.isWhitespace }.map { String($0) }
  }
}
