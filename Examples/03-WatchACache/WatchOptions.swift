import BundledModel
import KVPolicyKit
import KVPolicyTesting
import MiniTasks
import Policies
import ReferenceModel

/// The options of the command line, and the pictures they ask for.
struct WatchOptions {
  var policy = "h2o"
  var budget = 16
  var prompt = 24
  var steps = 24
  var framesPerSecond = 12.0
  /// A model's path, or `bundled`; nil takes attention from random vectors.
  var model: String?
  /// Whether `--help` was given.
  var wantsHelp = false

  /// The text that `--help` prints.
  static var help: String {
    let usual = try? WatchOptions([])
    // Lines of seven names fit 80 columns.
    let all = PolicyRegistry.all.names
    let names = stride(from: 0, to: all.count, by: 7).map { first in
      all[first..<min(first + 7, all.count)].joined(separator: ", ")
    }.joined(separator: ",\n  ")
    func number(_ value: Int?) -> String { value.map { "\($0)" } ?? "" }
    return """
      WatchACache: draw a cache after every token

      options:
        --policy NAME               the policy (default: \(usual?.policy ?? ""))
        --budget ROWS               rows a lane that it may keep (default: \(number(usual?.budget)))
        --prompt TOKENS             tokens of the prompt (default: \(number(usual?.prompt)))
        --steps COUNT               tokens after it (default: \(number(usual?.steps)))
        --frames-per-second NUMBER  how fast the picture moves on a terminal
        --model PATH                a GGUF file, a Hugging Face folder or 'bundled';
                                    without one, attention comes from random vectors
        --help                      print this

      policies: \(names)

      """
  }

  /// An argument that is unknown, incomplete or out of range.
  struct Mistake: Error, CustomStringConvertible {
    let description: String
  }

  /// Reads the command line.
  init(_ arguments: [String]) throws {
    if arguments.contains(where: { $0 == "--help" || $0 == "-h" }) {
      wantsHelp = true
      return
    }
    var rest = arguments[...]
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else {
        throw Mistake(description: "\(name) needs a value")
      }
      switch name {
      case "--policy": policy = value
      case "--model": model = value
      case "--budget": budget = try number(name, value, in: 1...512)
      case "--prompt": prompt = try number(name, value, in: 1...512)
      case "--steps": steps = try number(name, value, in: 0...512)
      case "--frames-per-second": framesPerSecond = Double(try number(name, value, in: 1...1000))
      default:
        throw Mistake(
          description: "there is no option \(name); see 'WatchACache --help'")
      }
    }
  }

  /// Calls `draw` with a picture after the prompt and after every step.
  func watch(_ draw: (_ frame: String, _ isFirst: Bool) -> Void) throws {
    let settings = try PolicyRegistry.all.type(named: policy).settings(budget: .rows(budget)) ?? [:]
    let configuration = PolicyConfiguration(policy, settings)
    let (sequence, step) =
      try model.map { try modelRun($0, configuration) } ?? randomRun(configuration)
    draw(frame(of: sequence), true)
    for _ in 0..<steps {
      try step()
      draw(frame(of: sequence), false)
    }
  }

  /// A sequence that has read its prompt, and a closure that advances it by one token.
  private typealias Run = (sequence: KVSequence, step: () throws -> Void)

  private func randomRun(_ configuration: PolicyConfiguration) throws -> Run {
    let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 8)
    let store = try PagedKVStore(shape: shape)
    let policies = try configuration.makePolicies(.all, shape: shape)
    let engine = PlainEngine(
      .random(shape: shape, seed: 1), sequence: store.makeSequence(policies))
    try engine.read(prompt)
    return (engine.sequence, { try engine.step() })
  }

  /// Counting upwards is a text in which every token depends on some earlier tokens. The bundled
  /// model knows only the language of the tasks, so it reads the beginning of a task document.
  private func modelRun(_ path: String, _ configuration: PolicyConfiguration) throws -> Run {
    let isBundled = path == BundledModel.name
    let files = isBundled ? try BundledModel.open() : try ModelFiles.open(path)
    let model = LlamaModel(files)
    let store = try PagedKVStore(shape: model.shape)
    let session = try model.makeSession(configuration, registry: .all, in: store)
    let text =
      isBundled
      ? try TaskVocabulary.text(
        of: TaskMixture(lengths: 1024...1024, kinds: [.list]).document(.heldOut(0)).tokens)
      : (1...prompt).map { "\($0)" }.joined(separator: ", ")
    try session.prefill(Array(try files.tokenizer().encode(text).prefix(prompt)))
    return (session.sequence, { try session.decode(Sampler.largest(session.logits)) })
  }

  private func frame(of sequence: KVSequence) -> String {
    let cache = sequence.statistics
    // The widest picture that fits 80 columns beside the lanes' names and the row counts.
    let width = min(prompt + steps, 52)
    return """
      \(policy), \(budget) rows a lane; \(cache.tokens) tokens read
      \(cache.rowsDropped) rows forgotten, \(cache.pagesHeld) pages held
      \(sequence.picture(width: width, layers: 0..<2))

      """
  }
}

/// Parses an integer in `range`; throws `Mistake` for any other text.
private func number(_ name: String, _ text: String, in range: ClosedRange<Int>) throws -> Int {
  guard let number = Int(text), range.contains(number) else {
    throw WatchOptions.Mistake(
      description:
        "\(name) cannot be '\(text)'; it is a whole number from \(range.lowerBound) to "
        + "\(range.upperBound)")
  }
  return number
}
