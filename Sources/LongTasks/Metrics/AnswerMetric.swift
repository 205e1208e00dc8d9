/// A rule that compares a response with reference answers; no judge is needed. All values are from
/// 0 to 1.
public enum AnswerMetric: String, CaseIterable, Sendable {
  /// The share of the references that occur in the response (RULER's `string_match_all`).
  case matchAll = "match-all"
  /// Whether any reference occurs in the response (RULER's `string_match_part`).
  case matchAny = "match-any"
  /// Whether the response is a reference, apart from case, punctuation, articles and spaces.
  case exact
  /// The F1 of the words shared with a reference (LongBench's `qa_f1_score`).
  case f1
  /// ROUGE-L with a reference (LongBench's `rouge_score`).
  case rougeL = "rouge-l"
  /// Whether the response names the right class, divided by the number of classes that it names
  /// (LongBench's `classification_score`).
  case classification
  /// The share of the numbers in the response that are the right paragraph's (LongBench's
  /// `retrieval_score`).
  case retrieval
  /// The share of the numbers in the response that are the reference (LongBench's `count_score`).
  case count
  /// The similarity of the first line of code to a reference (LongBench's `code_sim_score`).
  case code

  /// What some metrics need besides the texts.
  struct Options: Equatable, Sendable {
    /// The names of all classes.
    var classes: [String] = []
    /// Whether only the first line of the response counts.
    var readsFirstLine = false
  }

  /// The value of a response, the best over the references where a metric takes one reference.
  ///
  /// - Parameters:
  ///   - response: the text that a model wrote.
  ///   - references: the right answers.
  ///   - classes: the names of all classes, for ``classification``.
  public func score(
    _ response: String, references: [String], classes: [String] = []
  ) -> Double {
    best(response, references, Options(classes: classes))
  }

  func best(_ response: String, _ references: [String], _ options: Options) -> Double {
    var response = response
    if options.readsFirstLine {
      let scalars = response.unicodeScalars
      response = String(scalars.drop { $0 == "\n" }.prefix { $0 != "\n" })
    }
    switch self {
    case .matchAll: return StringMatch.share(of: references, in: response)
    case .matchAny: return StringMatch.any(of: references, in: response) ? 1 : 0
    default:
      return references.map { score(response, $0, options.classes) }.max() ?? 0
    }
  }

  private func score(_ response: String, _ reference: String, _ classes: [String]) -> Double {
    switch self {
    case .matchAll, .matchAny: StringMatch.share(of: [reference], in: response)
    case .exact:
      Overlap.normalised(response) == Overlap.normalised(reference) ? 1 : 0
    case .f1: Overlap.f1(response, reference)
    case .rougeL: RougeL.score(response, reference)
    case .classification: Classification.score(response, reference, classes: classes)
    case .retrieval: NumberMatch.retrieval(response, reference)
    case .count: NumberMatch.share(of: reference, in: response)
    case .code: CodeSimilarity.score(response, reference)
    }
  }
}
