import KVPolicyKit
import Policies
import ReferenceModel

/// A long answer in ten parts, which shows whether a policy of constant size keeps its speed and
/// size.
struct LongRun {
  private let session: LlamaSession
  private let steps: Int

  /// Parses the arguments of the command line, of which the first is `decode`.
  init(_ words: [String]) throws {
    let numbers = words[3...].prefix(2).map { Int($0) ?? 0 }
    guard numbers.allSatisfy({ $0 > 0 }),
      let format = words.count > 5 ? RowFormat(rawValue: words[5]) : .f16
    else {
      throw ModelError.request(
        "steps and threads are whole numbers from 1, and rows f32, f16 or q8_0")
    }
    steps = numbers[0]
    let threads = numbers.count > 1 ? numbers[1] : LlamaModel.defaultThreads
    let model = LlamaModel(try ModelFiles.open(words[1]), threads: threads)
    let policies = try PolicyConfiguration(parsing: words[2]).makePolicies(.all, shape: model.shape)
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: format))
    session = model.makeSession(store.makeSequence(policies))
  }

  /// Decodes and prints.
  func run() throws {
    try session.prefill((0..<64).map(token))
    print("steps  tokens/s  rows  pages  cache  process")
    for part in 0..<10 {
      let range = part * steps / 10..<(part + 1) * steps / 10
      let start = ContinuousClock.now
      for index in range { try session.decode(token(64 + index)) }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      let cache = session.sequence.statistics
      print(
        range.upperBound, Int(Double(range.count) / seconds), cache.longestLane, cache.pagesHeld,
        mebibytes(cache.residentBytes), mebibytes(residentBytes()), separator: "  ")
    }
  }

  /// A meaningless text, equal in every run.
  private func token(_ index: Int) -> Int {
    (index &* 7919 &+ index / 5) % session.model.configuration.vocabulary
  }
}
