import KVPolicyKit

/// A file of samples: your own, or a data set in its published format.
///
/// The data sets are scored by their rules without a judge. Texts are never cut: a sample that does
/// not fit is an error, because a cut could remove the evidence without a word.
public struct SampleFile: LongTask {
  /// The formats that are read. Files are UTF-8; but for LongGenBench's, each line is a JSON
  /// object.
  public enum Format: String, CaseIterable, Sendable {
    /// Your own samples: `context`, `question`, `answers`, and optionally `metric`, `classes`,
    /// `answerPrefix` and `maxTokens`.
    case plain
    /// LongBench: `context`, `input`, `answers`, `dataset`, `all_classes`, `length`, `language`.
    case longBench = "longbench"
    /// LongGenBench, a JSON list: `prompt`, `checks_once`, `checks_range`, `checks_periodic`,
    /// `type`, `prefix`, `number`.
    case longGenBench = "longgenbench"
    /// LongWriter's `longbench_write` and `longwrite_ruler`: `prompt`, `type`, `length`.
    case longWriter = "longwriter"
    /// RULER: `index`, `input`, `outputs`, `length`, and optionally `answer_prefix`.
    case ruler
  }

  /// The name of the task, in records and in messages about the file.
  public let name: String
  /// The format of the file.
  public let format: Format
  private let items: [SampleItem]

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - utf8: the content of the file.
  ///   - format: the format of the file.
  ///   - name: the name of the task, for records and messages.
  ///   - metric: the metric of a plain or RULER file whose samples name none. By default, any
  ///     answer of a plain sample and all answers of a RULER sample must occur; RULER's questions
  ///     about documents need ``AnswerMetric/matchAny``.
  /// - Throws: `LongTaskError.file` for the first mistake, with the number of its line or item.
  public init(
    _ utf8: [UInt8], format: Format, name: String, metric: AnswerMetric? = nil
  ) throws(LongTaskError) {
    guard metric == nil || format == .plain || format == .ruler else {
      throw .request("the format \(format.rawValue) fixes the metric; do not give one")
    }
    (self.name, self.format) = (name, format)
    let records =
      format == .longGenBench
      ? try SampleRecord.list(utf8, file: name) : try SampleRecord.lines(utf8, file: name)
    items = try records.map { record throws(LongTaskError) in
      switch format {
      case .plain: try SampleItem(plain: record, metric: metric ?? .matchAny)
      case .longBench: try SampleItem(longBench: record)
      case .longGenBench: try SampleItem(longGenBench: record)
      case .longWriter: try SampleItem(longWriter: record)
      case .ruler: try SampleItem(ruler: record, metric: metric ?? .matchAll)
      }
    }
  }

  /// The number of samples.
  public var count: Int { items.count }

  /// Answers are greedy; LongWriter samples. A prompt without a question of its own is compressed
  /// whole.
  public var fixedSwitches: [ProtocolSwitch: String] {
    switch format {
    case .plain, .longBench, .ruler: .matched
    case .longGenBench: [.question: "none", .sampling: "greedy", .answerPrefix: "present"]
    case .longWriter: [.question: "none", .answerPrefix: "absent"]
    }
  }

  /// A sample of the file. Seed 0 keeps the order of the file; another seed shuffles it.
  ///
  /// - Throws: `LongTaskError.request` if the file has fewer samples, and
  ///   `LongTaskError.tooShort` if the sample does not fit.
  public func sample(
    _ number: Int, seed: Int, tokens: Int, count: @escaping TokenCount
  ) throws(LongTaskError) -> LongTaskSample {
    let request = try SampleRequest(name, number, seed: seed, tokens: tokens, count: count)
    guard number < items.count else {
      throw .request(
        "'\(name)' has \(items.count) samples, numbered from 0; there is no sample \(number)")
    }
    var order = Array(items.indices)
    if seed != 0 {
      var random = SplitMix64(seed: UInt64(bitPattern: Int64(seed)))
      random.shuffle(&order)
    }
    let item = items[order[number]]
    var limit = item.maxTokens
    if item.takesRest {
      let rest = tokens - request.count(item.context + item.question + item.answerPrefix)
      limit = max(1, min(limit, rest))
    }
    return try request.checked(item.sample(maxTokens: limit))
  }
}

/// A sample of a file, before its size is checked.
struct SampleItem: Sendable {
  var context: String
  var question = ""
  var answerPrefix = ""
  var maxTokens: Int
  /// Whether the response may be shorter than `maxTokens`, where fewer tokens are left.
  var takesRest = false
  var references: [String] = []
  var scoring: LongTaskSample.Scoring

  func sample(maxTokens: Int) -> LongTaskSample {
    let forced: [ForcedSegment] =
      switch scoring {
      case .answer(.matchAll, _): ForcedSegment.answers(references)
      case .answer(.matchAny, _): ForcedSegment.answers(Array(references.prefix(1)))
      default: []
      }
    return LongTaskSample(
      context: context, question: question, answerPrefix: answerPrefix, maxTokens: maxTokens,
      references: references, forced: forced, scoring: scoring)
  }
}
