import KVPolicyKit
import KVPolicyTesting
import Policies

/// What is to be drawn.
struct WatchOptions {
  var policy = "h2o"
  var budget = 24
  var prompt = 32
  var steps = 32
  var framesPerSecond = 12.0

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
      case "--budget": budget = try number(name, value, in: 1...512)
      case "--prompt": prompt = try number(name, value, in: 1...512)
      case "--steps": steps = try number(name, value, in: 0...512)
      case "--frames-per-second": framesPerSecond = Double(try number(name, value, in: 1...1000))
      default:
        throw Mistake(
          description: "unknown option \(name); there are --policy, --budget, --prompt, --steps "
            + "and --frames-per-second")
      }
    }
  }

  /// Gives `draw` a picture after the prompt and after every step.
  func watch(_ draw: (_ frame: String, _ isFirst: Bool) -> Void) throws {
    let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 8)
    let settings = try PolicyRegistry.all.type(named: policy).settings(budget: budget)
    let engine = try PlainEngine(
      .random(shape: shape, seed: 1), policy: PolicyRegistry.all.make(policy, settings))
    try engine.read(prompt)
    draw(frame(of: engine.sequence), true)
    for _ in 0..<steps {
      try engine.step()
      draw(frame(of: engine.sequence), false)
    }
  }

  private func frame(of sequence: KVSequence) -> String {
    let cache = sequence.statistics
    return """
      \(policy), \(budget) rows a lane; \(cache.tokens) tokens read, \(cache.rowsDropped) rows \
      forgotten, \(cache.pagesHeld) pages held
      \(sequence.picture(width: prompt + steps))

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
