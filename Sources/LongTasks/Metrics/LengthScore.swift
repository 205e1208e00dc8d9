extension SampleScore {
  /// LongWriter's length score of a text with `length` words where `required` words were asked for,
  /// at least 1: 1 at the required length, 0 at four times and at a third of it. LongWriter writes
  /// the score times 100.
  init(length: Int, required: Int) {
    self.init(
      value: SampleScore.lengthScore(length, required: required),
      measures: ["words": Double(length)])
  }

  /// The length score, from 0 to 1.
  public static func lengthScore(_ length: Int, required: Int) -> Double {
    guard length > 0, required > 0 else { return 0 }
    let (produced, required) = (Double(length), Double(required))
    return produced > required
      ? max(0, 1 - (produced / required - 1) / 3) : max(0, 1 - (required / produced - 1) / 2)
  }
}
