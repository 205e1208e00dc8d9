import KVPolicyKit
import LongTasks
import ReferenceModel
import Synchronization

/// A sample of a ``TextTask`` as tokens of a model.
public struct TextSample: Sendable {
  /// The texts.
  let text: LongTaskSample
  /// The tokens of the prompt: one list, or the context and then the rest.
  let prompts: [[Int]]
  /// The true response, if it is forced.
  let forced: [ForcedTokens]?
  /// What the written tokens mean.
  let frame: TextFrame

  /// A segment of the true response.
  struct ForcedTokens: Sendable {
    let tokens: [Int]
    /// The kind of the check that the segment must pass; nil if it is not due.
    let due: String?
    /// The index of the first token that is not only white space.
    let first: Int
  }

  /// Tokens of the prompt.
  var promptTokens: Int { prompts.reduce(0) { $0 + $1.count } }
  /// Tokens of the response: of the forced response, or the most that are written.
  var responseTokens: Int {
    forced.map { $0.reduce(0) { $0 + $1.tokens.count } } ?? text.maxTokens
  }
}

/// How a text reaches a model: its tokens, and the chat template's around the user's turn.
struct TextFrame: Sendable {
  let tokenizer: Tokenizer
  /// Tokens before the context: the model's first token, and the beginning of the user's turn.
  let head: [Int]
  /// Tokens between the question and the answer prefix; empty without a template.
  let tail: [Int]
  /// The tokens at which a response ends.
  let endTokens: Set<Int>

  /// Stands for the user's text in a rendered conversation.
  private static let mark = "\u{FFFC}text\u{FFFC}"

  init(_ model: SweepModel, chat: Bool) throws {
    tokenizer = try model.tokenizer()
    endTokens = Set(tokenizer.eosTokens + model.files.configuration.eosTokens)
    guard chat, tokenizer.chatTemplateSource != nil else {
      (head, tail) = (tokenizer.begun([]), [])
      return
    }
    let template: ChatTemplate
    do throws(ModelError) {
      template = try tokenizer.chatTemplate()
    } catch {
      throw SweepError.plan("\(model.name): \(error); or set \"chat\" to false")
    }
    let turns = template.render([.user(TextFrame.mark)], addGenerationPrompt: true)
    let parts = turns.split(
      separator: TextFrame.mark, maxSplits: 1, omittingEmptySubsequences: false)
    head = tokenizer.begun(tokenizer.encode(String(parts.first ?? "")))
    tail = parts.count == 2 ? tokenizer.encode(String(parts[1])) : []
  }

  /// The tokens of a text; the text of a special token is ordinary text.
  func tokens(_ text: String) -> [Int] { tokenizer.encode(text, parseSpecial: false) }

  /// The tokens of an answer prefix. At the start of a turn no white space joins it to a question.
  func prefix(_ text: String) -> [Int] {
    tokens(tail.isEmpty ? text : String(text.drop { $0.isWhitespace }))
  }

  /// A segment of a true response.
  func forced(_ segment: ForcedSegment) throws(ModelError) -> TextSample.ForcedTokens {
    let tokens = tokens(segment.text)
    var first = 0
    while first < tokens.count - 1,
      try tokenizer.bytes(of: tokens[first]).allSatisfy({ $0 == 0x20 || $0 == 0x0A })
    {
      first += 1
    }
    return TextSample.ForcedTokens(tokens: tokens, due: segment.due?.kind, first: first)
  }
}

/// Makes samples that fit a length, with a model's tokenizer.
struct TextSampleMaker {
  private let task: TextTask
  private let length: Int
  private let model: String
  private let frame: TextFrame

  init(_ task: TextTask, length: Int, for model: SweepModel) throws {
    (self.task, self.length, self.model) = (task, length, model.name)
    frame = try TextFrame(model, chat: task.options.chat)
    guard task.asks || task.options.questionVisible else {
      throw SweepError.plan(
        "'\(task.name)' has no question apart from its context; leave \"questionVisible\" out")
    }
  }

  /// The largest sample that fits.
  ///
  /// The parts of the prompt are encoded one by one, so that they are the same tokens whether the
  /// question is visible or not. This can cost a token or two more than the whole text, so the room
  /// shrinks until the sample fits.
  func sample(_ number: Int, seed: Int) throws -> TextSample {
    var room = length - frame.head.count - frame.tail.count
    while true {
      let sample = try encode(text(number, seed: seed, room: room), number)
      let excess = sample.promptTokens + max(sample.responseTokens, sample.text.maxTokens) - length
      if excess <= 0 { return sample }
      room -= excess
    }
  }

  private func text(_ number: Int, seed: Int, room: Int) throws(SweepError) -> LongTaskSample {
    guard room > 0 else { throw tooShort(number, needed: length + 1 - room) }
    do throws(LongTaskError) {
      return try task.task.sample(number, seed: seed, tokens: room) { frame.tokens($0).count }
    } catch {
      guard case .tooShort(_, _, let needed) = error else { throw .plan("\(error)") }
      throw tooShort(number, needed: needed + length - room)
    }
  }

  private func tooShort(_ number: Int, needed: Int) -> SweepError {
    .plan(
      "documents of \(length) tokens cannot hold sample \(number) of '\(task.name)' for \(model): "
        + "the prompt, the answer and the chat template need \(needed); ask for longer documents")
  }

  private func encode(_ text: LongTaskSample, _ number: Int) throws -> TextSample {
    let context = frame.head + frame.tokens(text.context)
    let question = frame.tokens(text.question)
    let rest = frame.tail + frame.prefix(text.answerPrefix)
    let prompts =
      task.options.questionVisible
      ? [context + question + rest] : [context, question + rest]
    guard !prompts.contains([]), task.options.questionVisible || !question.isEmpty else {
      throw SweepError.plan(
        "sample \(number) of '\(task.name)' has no text, or no question to hide; leave it out, or "
          + "leave \"questionVisible\" out")
    }
    guard task.options.response == .forced else {
      return TextSample(text: text, prompts: prompts, forced: nil, frame: frame)
    }
    guard text.forced.contains(where: { $0.due != nil }) else {
      throw SweepError.plan(
        "'\(task.name)' does not know the true response of sample \(number), so \"response\" cannot "
          + "be \"forced\"; leave it out")
    }
    return TextSample(
      text: text, prompts: prompts, forced: try text.forced.map { try frame.forced($0) },
      frame: frame)
  }
}

/// The samples that were made last. Making one costs many encodings of its text, and cells that
/// follow each other have the same samples.
final class TextSamples: Sendable {
  /// What samples depend on beside their number.
  struct Series: Equatable {
    let model: String
    let length: Int
    let seed: Int
  }

  /// Jobs can be at work on the end of one series and on the start of the next one.
  private static let kept = 2
  private let known = Mutex<[(series: Series, samples: [Int: TextSample])]>([])

  /// The sample of a number, made by `make` if it is not known.
  func sample(
    _ number: Int, of series: Series, _ make: () throws -> TextSample
  ) rethrows -> TextSample {
    let found = known.withLock { known in
      known.first { $0.series == series }?.samples[number]
    }
    if let found { return found }
    let made = try make()
    known.withLock { known in
      if let index = known.firstIndex(where: { $0.series == series }) {
        known[index].samples[number] = made
      } else {
        known = known.suffix(TextSamples.kept - 1) + [(series, [number: made])]
      }
    }
    return made
  }
}
