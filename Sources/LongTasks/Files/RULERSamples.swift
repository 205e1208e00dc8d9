extension SampleItem {
  /// A sample of RULER. The last line of the input is the question; older files have the answer
  /// prefix at its end, newer files under a key of its own.
  init(ruler record: SampleRecord, metric: AnswerMetric) throws(LongTaskError) {
    try record.check(
      required: ["index", "input", "outputs", "length"],
      optional: ["answer_prefix", "length_w_model_temp", "token_position_answer"])
    // Newer files write a character offset as the index.
    _ = try record.number("index", in: -1...Int.max)
    _ = try record.number("length", in: 0...Int.max)
    let input = try record.filledText("input")
    let scalars = input.unicodeScalars
    let text = scalars.lastIndex { $0 != "\n" }.map { scalars[...$0] } ?? scalars[...]
    let start = text.lastIndex(of: "\n").map(scalars.index(after:)) ?? scalars.endIndex
    context = String(input[..<start])
    question = String(input[start...])
    answerPrefix =
      record.members["answer_prefix"] == nil ? "" : try record.text("answer_prefix")
    // The largest of RULER's limits; the files do not tell which is theirs.
    maxTokens = 128
    references = try record.texts("outputs")
    scoring = .answer(metric, .init())
    try SampleItem.check(references, metric, [], record)
  }
}
