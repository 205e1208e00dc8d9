import KVPolicyKit

extension SampleItem {
  /// A sample of one's own.
  init(plain record: SampleRecord, metric: AnswerMetric) throws(LongTaskError) {
    try record.check(
      required: ["context", "question", "answers"],
      optional: ["metric", "classes", "answerPrefix", "maxTokens"])
    var metric = metric
    if record.members["metric"] != nil {
      let name = try record.text("metric")
      guard let named = AnswerMetric(rawValue: name) else {
        let names = AnswerMetric.allCases.map(\.rawValue).joined(separator: ", ")
        throw record.mistake("there is no metric '\(name.prefix(60))'; there are \(names)")
      }
      metric = named
    }
    let classes = record.members["classes"] == nil ? [] : try record.texts("classes")
    context = try record.text("context")
    question = "\n\n" + (try record.filledText("question"))
    answerPrefix =
      record.members["answerPrefix"] == nil ? "\nAnswer:" : try record.text("answerPrefix")
    maxTokens =
      record.members["maxTokens"] == nil
      ? 128 : try record.number("maxTokens", in: 1...SampleRequest.mostTokens)
    references = try record.texts("answers")
    scoring = .answer(metric, .init(classes: classes))
    try SampleItem.check(references, metric, classes, record)
  }

  /// Refuses answers with which a metric would always be 0.
  static func check(
    _ answers: [String], _ metric: AnswerMetric, _ classes: [String], _ record: SampleRecord
  ) throws(LongTaskError) {
    switch metric {
    case .classification:
      guard answers.allSatisfy(classes.contains) else {
        throw record.mistake("an answer of a classification must be one of its classes")
      }
    case .retrieval:
      guard answers.allSatisfy({ NumberMatch.paragraph(in: $0) != nil }) else {
        throw record.mistake("an answer of a retrieval must be 'Paragraph' and a number")
      }
    case .count:
      guard answers.allSatisfy({ Words.numbers(in: $0).first.map(String.init) == $0 }) else {
        throw record.mistake("an answer of a count must be a number")
      }
    default: break
    }
  }
}
