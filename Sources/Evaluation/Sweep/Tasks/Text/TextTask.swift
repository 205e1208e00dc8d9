public import KVPolicyKit
public import LongTasks
import ReferenceModel

/// A sweep's task that gives a model texts of a `LongTask`: a context, a question about it, and the
/// beginning of the answer.
///
/// The model writes the rest of the answer itself, greedily, and its text is scored; or the true
/// response is forced, and the words that follow from the context are scored. A document's length
/// counts the prompt, the longest answer and the chat template.
public struct TextTask: SweepTask {
  /// The task's name in plans and records.
  public let name: String
  /// Where the texts come from.
  public let task: any LongTask
  /// How the texts are given to a model.
  public let options: Options
  /// The settings of the texts.
  private let own: [String: JSONValue]
  private let samples = TextSamples()

  /// How texts are given to a model.
  public struct Options: Equatable, Sendable {
    /// Whether the prompt is a user's turn of the model's chat template, if the model has one.
    public var chat = true
    /// Whether the question is read with the context. If not, it is read as a second prompt, after
    /// the policy has forgotten part of the context.
    public var questionVisible = true
    /// Who writes the response.
    public var response = Response.written

    /// The defaults: with the chat template, the question visible, the response written.
    public init() {}
  }

  /// Who writes a response.
  public enum Response: String, CaseIterable, Sendable {
    /// The model.
    case written
    /// The sample: the model reads the true response, and its predictions of due words are scored.
    case forced
  }

  /// A task of texts.
  ///
  /// - Parameters:
  ///   - task: makes the texts.
  ///   - name: the name in plans and records.
  ///   - settings: on what else the texts depend, for records.
  ///   - options: how they are given to a model.
  public init(
    _ task: any LongTask, name: String, settings: [String: JSONValue] = [:],
    options: Options = Options()
  ) {
    (self.task, self.name, self.options, own) = (task, name, options, settings)
  }

  /// Whether the task has questions apart from its contexts.
  var asks: Bool { task.fixedSwitches[.question] != "none" }

  /// The texts' own settings, and the options.
  public var settings: [String: JSONValue] {
    var settings = own
    settings["chat"] = .bool(options.chat)
    settings["response"] = .string(options.response.rawValue)
    if asks { settings["questionVisible"] = .bool(options.questionVisible) }
    return settings
  }
  /// The value of the response, or the probability of the due words.
  public var quality: (score: String, better: SweepCell.Better) {
    (options.response == .written ? TextScore.value : TextScore.wordProbability, .more)
  }
  /// As the options say; the task decides on questions and answer prefixes.
  public var conditions: SweepConditions {
    SweepConditions(
      questionSeen: !asks ? .none : options.questionVisible ? .yes : .no,
      sampling: options.response == .written ? .greedy : .forced,
      answerPrefix: task.fixedSwitches[.answerPrefix] == "present")
  }

  /// Makes all samples: refuses lengths that do not hold them, a file with fewer samples, and
  /// models without a usable tokenizer or chat template.
  public func check(length: Int, seed: Int, documents: Int, for model: SweepModel) throws {
    guard !TaskLanguage.isSpoken(by: model.files) else {
      throw SweepError.plan(
        "\(model.name) speaks the language of the tasks and nothing else, and '\(name)' is text; "
          + "name another model, or one of the tasks of that language")
    }
    for number in 0..<documents {
      _ = try sample(number, length: length, seed: seed, for: model)
    }
  }

  /// A sample as tokens of a model.
  public func sample(
    _ number: Int, length: Int, seed: Int, for model: SweepModel
  ) throws -> TextSample {
    let series = TextSamples.Series(model: model.source, length: length, seed: seed)
    return try samples.sample(number, of: series) {
      let maker = try TextSampleMaker(self, length: length, for: model)
      return try maker.sample(number, seed: seed)
    }
  }

  /// The longest response stands for the written one.
  public func work(_ sample: TextSample) -> (prompt: Int, decode: Int) {
    (sample.promptTokens, sample.responseTokens)
  }

  /// Reads the prompt under each configuration, and lets the model write or read the response.
  public func measure(
    _ sample: TextSample, under configurations: [PolicyConfiguration], on engine: SweepEngine
  ) throws -> [SweepMeasurement] {
    try configurations.map { configuration in
      var reading = try TextReading(configuration, on: engine)
      try reading.read(sample)
      return reading.measurement(of: sample)
    }
  }
}
