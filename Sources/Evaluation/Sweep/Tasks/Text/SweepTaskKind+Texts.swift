import KVPolicyKit
import LongTasks

extension SweepTaskKind {
  /// The tasks of texts: generated samples, and the samples of a file.
  static let texts: [SweepTaskKind] =
    GeneratedTasks.all.map { task in
      SweepTaskKind(name: task.name) { reader, _ in
        let isNeedle = task is NeedleTask
        guard isNeedle, let value = reader.optional("depth") else {
          return TextTask(task, name: task.name, options: try TextTask.Options(&reader))
        }
        let depth = try reader.number("depth", in: 0...100)
        return TextTask(
          try NeedleTask(depths: [depth]), name: task.name, settings: ["depth": value],
          options: try TextTask.Options(&reader))
      }
    } + [SweepTaskKind(name: "file", make: file)]

  /// The samples of a file.
  @Sendable private static func file(
    _ reader: inout MemberReader<SweepError>, _ read: (_ path: String) throws -> SweepText
  ) throws -> any SweepTask {
    let path = try reader.text("path")
    let format = try reader.choice("format", default: SampleFile.Format.plain)
    let metric =
      try reader.optional("metric") == nil
      ? nil : reader.choice("metric", default: AnswerMetric.matchAny)
    let options = try TextTask.Options(&reader)
    let text = try read(path)
    var settings: [String: JSONValue] = [
      "path": text.value, "format": .string(format.rawValue),
    ]
    if let metric { settings["metric"] = .string(metric.rawValue) }
    do throws(LongTaskError) {
      let file = try SampleFile(
        Array(text.text.utf8), format: format, name: text.file ?? path, metric: metric)
      return TextTask(file, name: "file", settings: settings, options: options)
    } catch {
      throw SweepError.plan("'\(reader.place)': \(error)")
    }
  }
}

extension TextTask.Options {
  /// The options of a plan's entry.
  init(_ reader: inout MemberReader<SweepError>) throws(SweepError) {
    chat = try reader.flag("chat", default: chat)
    questionVisible = try reader.flag("questionVisible", default: questionVisible)
    response = try reader.choice("response", default: response)
  }
}
