/// Counts the tokens of a text, for example with `Tokenizer.encode(_:parseSpecial:)`.
public typealias TokenCount = (String) -> Int

/// A source of numbered samples for any tokenizer, scored without a judge.
public protocol LongTask: Sendable {
  /// The name of the task, as records and messages write it.
  var name: String { get }
  /// The protocol switches that the task sets, with their values. The caller sets the other ones.
  var fixedSwitches: [ProtocolSwitch: String] { get }

  /// A sample that fits a number of tokens. Equal arguments and equal counts give equal bytes.
  ///
  /// - Parameters:
  ///   - number: selects the sample, from 0.
  ///   - seed: selects the series of samples.
  ///   - tokens: the number of tokens for the prompt and the answer. If the caller adds a chat
  ///     template, it subtracts the tokens of the template first.
  ///   - count: counts the tokens of a text.
  /// - Throws: `LongTaskError.tooShort` if even the smallest sample does not fit, and
  ///   `LongTaskError.request` for numbers that are not legal.
  func sample(
    _ number: Int, seed: Int, tokens: Int, count: @escaping TokenCount
  ) throws(LongTaskError) -> LongTaskSample
}

/// The tasks that this module generates.
public enum GeneratedTasks {
  /// Every generated task with its standard settings, recall first.
  public static let all: [any LongTask] =
    [NeedleTask()] + RetrievalTask.all
    + [VariableTrackingTask(), CommonWordsTask(), FrequentWordsTask()]
    + ResponseScenario.allCases.map { ListResponseTask($0) } + [LengthTask()]

  /// The task with a name.
  ///
  /// - Throws: `LongTaskError.request`, which lists the names, if there is no such task.
  public static func named(_ name: String) throws(LongTaskError) -> any LongTask {
    guard let task = all.first(where: { $0.name == name }) else {
      let names = all.map(\.name).joined(separator: ", ")
      throw .request("there is no text task '\(name)'; there are \(names)")
    }
    return task
  }
}
