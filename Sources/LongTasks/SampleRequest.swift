import KVPolicyKit

/// A checked request for a sample: its random numbers, and the search for the largest sample that
/// fits.
struct SampleRequest {
  /// The largest number of tokens of a sample.
  static let mostTokens = 1 << 22

  /// Independent sources of random numbers, so that the size of a haystack does not change the
  /// needles in it.
  enum Stream: Int {
    case filler, facts, places, demonstration
  }

  let task: String
  let number: Int
  let seed: Int
  let tokens: Int
  let count: TokenCount

  init(
    _ task: String, _ number: Int, seed: Int, tokens: Int, count: @escaping TokenCount
  ) throws(LongTaskError) {
    guard number >= 0 else {
      throw .request("samples are numbered from 0; there is no sample \(number) of '\(task)'")
    }
    guard (1...SampleRequest.mostTokens).contains(tokens) else {
      throw .request("a sample has 1...\(SampleRequest.mostTokens) tokens, not \(tokens)")
    }
    (self.task, self.number, self.seed) = (task, number, seed)
    self.tokens = tokens
    // A wrong count must not overflow a sum.
    self.count = { min(max(0, count($0)), 1 << 40) }
  }

  /// A generator that depends on the task, the seed, the number and the stream.
  func random(_ stream: Stream) -> SplitMix64 {
    let coordinates = [number, stream.rawValue] + task.utf8.map { Int($0) }
    return SplitMix64(
      seed: SplitMix64.bits(seed: UInt64(bitPattern: Int64(seed)), at: coordinates))
  }

  /// A limit for the answer: the published limit, or more if this tokenizer cuts the true answer
  /// into more tokens.
  func answerTokens(_ published: Int, for answer: [ForcedSegment]) -> Int {
    max(published, count(answer.map(\.text).joined()) + 8)
  }

  /// The tokens that a sample needs.
  private func needed(by sample: LongTaskSample) -> Int {
    count(sample.prompt) + sample.maxTokens
  }

  /// The sample, if it fits.
  func checked(_ sample: LongTaskSample) throws(LongTaskError) -> LongTaskSample {
    let needed = needed(by: sample)
    guard needed <= tokens else {
      throw .tooShort(task: task, tokens: tokens, needed: needed)
    }
    return sample
  }

  /// The largest sample that fits, of the samples that `make` gives for `sizes`. A larger size must
  /// not need fewer tokens. Takes O(log n) calls for the size n.
  func largest(
    in sizes: ClosedRange<Int>, _ make: (Int) -> LongTaskSample
  ) throws(LongTaskError) -> LongTaskSample {
    var best = try checked(make(sizes.lowerBound))
    var (fitting, failing) = (sizes.lowerBound, sizes.upperBound + 1)
    // The size doubles until it fails, because the largest size is far beyond the usual one.
    var step = max(1, sizes.lowerBound)
    while failing - fitting > 1 {
      let size = step > 0 && step < failing - fitting ? fitting + step : (fitting + failing) / 2
      let sample = make(size)
      if needed(by: sample) <= tokens {
        (best, fitting, step) = (sample, size, step * 2)
      } else {
        (failing, step) = (size, 0)
      }
    }
    return best
  }
}
