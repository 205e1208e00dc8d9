import KVPolicyKit

extension SampleItem {
  /// A sample of LongBench's English data sets.
  init(longBench record: SampleRecord) throws(LongTaskError) {
    try record.check(
      required: ["context", "input", "answers", "dataset", "all_classes", "length"],
      optional: ["language", "_id"])
    _ = try record.number("length", in: 0...Int.max)
    let name = try record.text("dataset")
    if record.members["language"] == "zh" || LongBenchSet.chinese.contains(name) {
      throw record.mistake(
        "'\(name.prefix(60))' is Chinese, whose metrics need words cut by a segmenter such as "
          + "jieba, which is not here; take the English data sets")
    }
    // The data sets of LongBench-E have even lengths and otherwise the same rules.
    let base = name.hasSuffix("_e") ? String(name.dropLast(2)) : name
    guard let set = LongBenchSet.all[base] else {
      let names = LongBenchSet.all.keys.sorted().joined(separator: ", ")
      throw record.mistake(
        "there is no rule for the data set '\(name.prefix(60))'; there are \(names)")
    }
    let classes =
      record.members["all_classes"] == .null ? [] : try record.texts("all_classes")
    context = set.introduction + (try record.text("context"))
    question = set.request + (set.hasInput ? try record.text("input") : "")
    answerPrefix = set.answerPrefix
    maxTokens = set.maxTokens
    references = try record.texts("answers")
    scoring = .answer(
      set.metric, .init(classes: classes, readsFirstLine: set.readsFirstLine))
    try SampleItem.check(references, set.metric, classes, record)
  }
}

/// How a data set of LongBench is asked and scored: metric, limit and first line as published, with
/// our own wording.
private struct LongBenchSet: Sendable {
  let metric: AnswerMetric
  let maxTokens: Int
  var introduction = ""
  var request = ""
  var answerPrefix = "\nAnswer:"
  var hasInput = true
  /// Whether only the first line of a response counts: the few-shot sets, whose input ends with the
  /// beginning of the answer.
  var readsFirstLine = false

  static let chinese: Set = [
    "multifieldqa_zh", "dureader", "vcsum", "lsht", "passage_retrieval_zh",
  ]

  static let all: [String: LongBenchSet] = [
    "narrativeqa": question(128), "qasper": paper, "multifieldqa_en": question(64),
    "hotpotqa": question(32), "2wikimqa": question(32), "musique": question(32),
    "gov_report": summary, "multi_news": summary, "qmsum": meeting,
    "trec": examples(.classification, 64), "triviaqa": examples(.f1, 32),
    "samsum": examples(.rougeL, 128), "passage_count": paragraphs, "passage_retrieval_en": source,
    "lcc": code(hasInput: false), "repobench-p": code(hasInput: true),
  ]

  private static func question(_ maxTokens: Int) -> LongBenchSet {
    LongBenchSet(
      metric: .f1, maxTokens: maxTokens, introduction: "Read the text. A question follows.\n\n",
      request: "\n\nAnswer the question from the text, in as few words as you can.\nQuestion: ")
  }

  private static let paper = LongBenchSet(
    metric: .f1, maxTokens: 128, introduction: "Read the article. A question follows.\n\n",
    request: "\n\nAnswer the question from the article, in as few words as you can: with 'yes' or "
      + "'no' if you can, and with 'unanswerable' if the article does not tell.\nQuestion: ")

  private static let summary = LongBenchSet(
    metric: .rougeL, maxTokens: 512, introduction: "Read the text. You will sum it up.\n\n",
    request: "\n\nSum up the text on a page.", answerPrefix: "\nSummary:", hasInput: false)

  private static let meeting = LongBenchSet(
    metric: .rougeL, maxTokens: 512, introduction: "Read what was said at a meeting.\n\n",
    request: "\n\nAnswer the query about the meeting in a few sentences.\nQuery: ")

  private static let paragraphs = LongBenchSet(
    metric: .count, maxTokens: 32,
    introduction: "Read the paragraphs. Some of them are repeated.\n\n",
    request: "\n\nHow many different paragraphs are there? Answer with the number alone.",
    hasInput: false)

  private static let source = LongBenchSet(
    metric: .retrieval, maxTokens: 32, introduction: "Read the paragraphs.\n\n",
    request: "\n\nWhich paragraph does the summary below sum up? Answer in the form 'Paragraph 1'."
      + "\nSummary: ")

  private static func examples(_ metric: AnswerMetric, _ maxTokens: Int) -> LongBenchSet {
    LongBenchSet(
      metric: metric, maxTokens: maxTokens,
      introduction: "Continue in the manner of the examples.\n\n", request: "\n\n",
      answerPrefix: "", readsFirstLine: true)
  }

  private static func code(hasInput: Bool) -> LongBenchSet {
    LongBenchSet(
      metric: .code, maxTokens: 64, introduction: "Continue the code.\n\n",
      answerPrefix: "\nThe next line of code:\n", hasInput: hasInput)
  }
}
