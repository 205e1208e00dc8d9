import KVPolicyKit

/// RULER-style variable tracking: a number is given to a variable, and from variable to variable;
/// which variables have it?
///
/// The assignments are hidden in order between lines of noise. Further chains with other numbers
/// distract. A solved example precedes the text.
public struct VariableTrackingTask: LongTask {
  /// `variables`, with the numbers of chains and hops if they are not 1 and 4.
  public let name: String
  let chains: Int
  let hops: Int

  /// RULER's task: one chain of four hops, thus five variables.
  public init() { (name, chains, hops) = ("variables", 1, 4) }

  /// A task of several chains, of which the first is asked for.
  ///
  /// - Throws: `LongTaskError.request` unless there are 1...100 chains and 1...100 hops.
  public init(chains: Int, hops: Int) throws(LongTaskError) {
    guard (1...100).contains(chains), (1...100).contains(hops) else {
      throw .request("variable tracking has 1...100 chains of 1...100 hops")
    }
    (self.chains, self.hops) = (chains, hops)
    name = (chains, hops) == (1, 4) ? "variables" : "variables-\(chains)x\(hops)"
  }

  /// Greedy, with an answer prefix.
  public var fixedSwitches: [ProtocolSwitch: String] { .matched }

  /// A sample with as many lines of noise as fit.
  public func sample(
    _ number: Int, seed: Int, tokens: Int, count: @escaping TokenCount
  ) throws(LongTaskError) -> LongTaskSample {
    let request = try SampleRequest(name, number, seed: seed, tokens: tokens, count: count)
    let example = demonstration(request)
    var random = request.random(.facts)
    let puzzle = Puzzle(chains: chains, hops: hops, letters: 5, using: &random)
    let forced = ForcedSegment.answers(puzzle.answers)
    let limit = request.answerTokens(30, for: forced)
    return try request.largest(in: puzzle.lines.count...max(tokens, puzzle.lines.count)) { size in
      var places = request.random(.places)
      return LongTaskSample(
        context: example + puzzle.context(noise: size, places: &places),
        question: puzzle.question, answerPrefix: puzzle.answerPrefix, maxTokens: limit,
        references: puzzle.answers, forced: forced, scoring: .answer(.matchAll, .init()))
    }
  }

  /// A solved puzzle with names of three letters, of at most 500 tokens and a quarter of all tokens
  /// if five lines of noise allow it.
  private func demonstration(_ request: SampleRequest) -> String {
    var random = request.random(.demonstration)
    let puzzle = Puzzle(chains: chains, hops: hops, letters: 3, using: &random)
    let places = random
    func text(_ noise: Int) -> String {
      var places = places
      return puzzle.context(noise: noise, places: &places) + puzzle.question
        + puzzle.answerPrefix + ForcedSegment.answers(puzzle.answers).map(\.text).joined() + "\n\n"
    }
    let smallest = max(5, puzzle.lines.count)
    let sizes = [4 * smallest, 2 * smallest].map(text)
    let limit = min(500, request.tokens / 4)
    return sizes.first { request.count($0) <= limit } ?? text(smallest)
  }
}

/// Chains of assignments; the first chain is asked for.
private struct Puzzle {
  /// The assignments of all chains; a chain's assignments are in order.
  let lines: [String]
  /// The variables of the first chain.
  let answers: [String]
  private let value: Int

  init(chains: Int, hops: Int, letters: Int, using random: inout SplitMix64) {
    var names: Set<String> = []
    var values: Set<Int> = []
    var queues: [[String]] = []
    var (answers, value) = ([String](), 0)
    for chain in 0..<chains {
      let variables = (0...hops).map { _ in Puzzle.name(letters, besides: &names, &random) }
      var number = 0
      repeat { number = random.draw(10_000...99_998) } while !values.insert(number).inserted
      if chain == 0 { (answers, value) = (variables, number) }
      queues.append(
        ["Variable \(variables[0]) is \(number)."]
          + zip(variables, variables.dropFirst()).map { "Variable \($1) is variable \($0)." })
    }
    // The chains are mixed; each drawn number takes the next line of its chain.
    var turns = queues.indices.flatMap { Array(repeating: $0, count: hops + 1) }
    random.shuffle(&turns)
    var taken = Array(repeating: 0, count: chains)
    lines = turns.map { chain in
      taken[chain] += 1
      return queues[chain][taken[chain] - 1]
    }
    (self.answers, self.value) = (answers, value)
  }

  /// The lines between lines of noise, of which there are at least as many.
  func context(noise: Int, places: inout SplitMix64) -> String {
    let haystack = Haystack.lines(
      Array(repeating: Noise.line, count: noise), hiding: lines, places: &places)
    return "The text below gives values to variables, hidden between other lines. Remember the "
      + "values.\n\n" + haystack.text
  }

  var question: String {
    "\n\nWhich variables have the value \(value), directly or through other variables?"
  }

  var answerPrefix: String { " The value \(value) belongs to the \(answers.count) variables" }

  /// A name of random capital letters that is new; after many attempts, a longer one.
  private static func name(
    _ letters: Int, besides names: inout Set<String>, _ random: inout SplitMix64
  ) -> String {
    var attempts = 0
    while true {
      let name = String(
        decoding: (0..<letters + attempts / 64).map { _ in UInt8(random.draw(65...90)) },
        as: UTF8.self)
      if names.insert(name).inserted { return name }
      attempts += 1
    }
  }
}
