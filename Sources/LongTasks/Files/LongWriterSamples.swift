extension SampleItem {
  /// A prompt of LongWriter with the number of words that it requires.
  init(longWriter record: SampleRecord) throws(LongTaskError) {
    try record.check(required: ["prompt", "type", "length"])
    let words = try record.number("length", in: 1...1_000_000)
    _ = try record.text("type")
    context = (try record.filledText("prompt")) + "\n\n"
    // As in MorphKV's run.
    maxTokens = min(32_768, 2 * words)
    scoring = .length(words: words)
  }
}
