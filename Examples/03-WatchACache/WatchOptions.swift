import KVPolicyKit
import KVPolicyTesting
import Policies
import ReferenceModel

/// What is to be drawn.
struct WatchOptions {
  var policy = "h2o"
  var budget = 24
  var prompt = 32
  var steps = 32
  var framesPerSecond = 12.0
  /// A model's path; without one, attention comes from random vectors.
  var model: String?

  /// Something on the command line that is not understood.
  struct Mistake: Error, CustomStringConvertible {
    let description: String
  }

  /// Reads the command line.
  init(_ arguments: [String]) throws {
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
          description: "unknown option \(name); there are --policy, --budget, --prompt, --steps, "
            + "--model and --frames-per-second")
      }
    }
  }

  /// Gives `draw` a picture after the prompt and after every step.
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

  /// A sequence that has read its prompt, and what makes it go on.
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

  /// The model counts upwards: a text in which every token has a use for some of those before.
  private func modelRun(_ path: String, _ configuration: PolicyConfiguration) throws -> Run {
    let files = try ModelFiles.open(path)
    let model = LlamaModel(files)
    let store = try PagedKVStore(shape: model.shape)
    let policies = try configuration.makePolicies(
      .all, shape: model.shape, model: model.identity)
    let session = model.makeSession(store.makeSequence(policies))
    let text = (1...prompt).map { "\($0)" }.joined(separator: ", ")
    try session.prefill(Array(try files.tokenizer().encode(text).prefix(prompt)))
    return (session.sequence, { try session.decode(Sampler.largest(session.logits)) })
  }

  private func frame(of sequence: KVSequence) -> String {
    let cache = sequence.statistics
    return """
      \(policy), \(budget) rows a lane; \(cache.tokens) tokens read, \(cache.rowsDropped) rows \
      forgotten, \(cache.pagesHeld) pages held
      \(sequence.picture(width: prompt + steps, layers: 0..<2))

      """
  }
}

/// A whole number in `range`.
private func number(_ name: String, _ text: String, in range: ClosedRange<Int>) throws -> Int {
  guard let number = Int(text), range.contains(number) else {
    throw WatchOptions.Mistake(
      description:
        "\(name) cannot be '\(text)'; it is a whole number from \(range.lowerBound) to "
        + "\(range.upperBound)")
  }
  return number
}
