// Counts the allocations of a decode loop.
//
//     AllocationProbe MODEL CONFIGURATION PROMPT WARMUP STEPS THREADS EXTRA [ARITHMETIC]
//
// reads a prompt of PROMPT made-up tokens, decodes WARMUP tokens, then STEPS more, each with EXTRA
// rounds of deliberate allocations, and prints how many allocations the STEPS took. The tests run
// it in its own process, because they allocate all the time. It is also useful with a real model.
import Foundation
import KVPolicyKit
import Policies
import ReferenceModel
import Synchronization

#if canImport(Glibc)
  /// The last arguments of the command line, as numbers.
  struct Request {
    var prompt = 0
    var warmup = 0
    var steps = 0
    var extra = 0
    let session: LlamaSession

    init(_ words: [String]) throws {
      let numbers = words.dropFirst(2).prefix(5).compactMap { Int($0) }
      let arithmetic = words.count == 8 ? Arithmetic(rawValue: words[7]) : .exact
      guard 7...8 ~= words.count, numbers.count == 5, numbers.allSatisfy({ $0 >= 0 }),
        let arithmetic
      else {
        throw ModelError.request(
          "usage: AllocationProbe MODEL CONFIGURATION PROMPT WARMUP STEPS THREADS EXTRA "
            + "[ARITHMETIC]")
      }
      (prompt, warmup, steps, extra) = (numbers[0], numbers[1], numbers[2], numbers[4])
      let model = LlamaModel(
        try ModelFiles.open(words[0]), threads: numbers[3], arithmetic: arithmetic)
      let policies = try PolicyConfiguration(parsing: words[1])
        .makePolicies(.all, shape: model.shape)
      session = model.makeSession(try PagedKVStore(shape: model.shape).makeSequence(policies))
    }

    /// The number of allocations in the counted loop, and its steps per second.
    func run() throws -> (allocations: Int, stepsPerSecond: Double) {
      try session.prefill((0..<prompt).map(token))
      for index in prompt..<prompt + warmup { try session.decode(token(index)) }
      let start = ContinuousClock.now
      CountedMemory.isOn.store(true, ordering: .sequentiallyConsistent)
      for index in prompt + warmup..<prompt + warmup + steps {
        try session.decode(token(index))
        for _ in 0..<extra { CountedMemory.useEveryFunction() }
      }
      CountedMemory.isOn.store(false, ordering: .sequentiallyConsistent)
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      return (CountedMemory.calls.load(ordering: .relaxed), Double(steps) / seconds)
    }

    /// A meaningless text, equal in every run.
    private func token(_ index: Int) -> Int {
      (index &* 7919 &+ index / 5) % session.model.configuration.vocabulary
    }
  }

  do {
    let (allocations, rate) = try Request(Array(CommandLine.arguments.dropFirst())).run()
    print("\(allocations) allocations, \(Int(rate)) steps/s")
  } catch {
    FileHandle.standardError.write(Data("AllocationProbe: \(error)\n".utf8))
    exit(1)
  }
#else
  print("allocations are counted on Linux only")
#endif
