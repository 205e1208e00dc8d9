import KVPolicyKit
import MiniTasks

/// A kind of task that plans can name, and how it is made from its settings.
public struct SweepTaskKind: Sendable {
  /// The name in plans: the member `task` of an entry, or the whole entry.
  public let name: String
  /// Makes the task from the entry's members; reads the files that they name.
  let make:
    @Sendable (inout MemberReader<SweepError>, (_ path: String) throws -> SweepText) throws
      -> any SweepTask

  /// All kinds.
  public static let all: [SweepTaskKind] =
    TaskMixture.Kind.allCases.map { kind in
      SweepTaskKind(name: kind.rawValue) { _, _ in DocumentTask(kind) }
    } + [
      SweepTaskKind(name: "language") { reader, read in
        let text = try reader.optional("text") == nil ? SweepText() : read(reader.text("text"))
        return LanguageTask(text: text, prompt: try prompt(&reader))
      }
    ] + SweepTaskKind.texts

  /// The length of a prompt: a number of tokens, or a share of them.
  private static func prompt(
    _ reader: inout MemberReader<SweepError>
  ) throws(SweepError) -> Budget {
    guard let value = reader.optional("prompt") else { return LanguageTask.defaultPrompt }
    let prompt = try Budget(value, named: "'prompt' of '\(reader.place)'")
    if case .bytes = prompt {
      throw reader.bad("prompt", value, "a number of tokens, or a share such as \"1/4\"")
    }
    return prompt
  }
}

extension Budget {
  /// A budget of a plan: a number, or text.
  init(_ value: JSONValue, named name: String) throws(SweepError) {
    let text: String
    switch value {
    case .string(let given): text = given
    default:
      guard let number = value.wholeNumber else {
        throw .plan(
          "\(name) is \(value.excerpt); it must be a number such as 512, or text such as \"1/4\"")
      }
      text = "\(number)"
    }
    do throws(Mistake) {
      try self.init(text, named: name)
    } catch {
      throw .plan(error.reason)
    }
  }
}
