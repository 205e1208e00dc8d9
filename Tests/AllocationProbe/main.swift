// Counts how often a decode loop asks for memory.
//
//     AllocationProbe MODEL CONFIGURATION PROMPT WARMUP STEPS THREADS
//
// reads a prompt of so many made-up tokens, decodes WARMUP tokens, then STEPS more, and prints how many
// allocations those took. Swift tests run it; it is also of use with a real model.
import Foundation
import KVPolicyKit
import Policies
import ReferenceModel
import Synchronization

#if canImport(Glibc)
  /// The six arguments, or a message and the end.
  func request() throws -> (session: LlamaSession, numbers: [Int]) {
    let words = CommandLine.arguments.dropFirst()
    let numbers = words.dropFirst(2).compactMap { Int($0) }
    guard words.count == 6, numbers.count == 4, let path = words.first else {
      throw ModelError.request(
        "usage: AllocationProbe MODEL CONFIGURATION PROMPT WARMUP STEPS THREADS")
    }
    let model = LlamaModel(try ModelFiles.open(path), threads: numbers[3])
    let configuration = try PolicyConfiguration(parsing: words[words.startIndex + 1])
    let policies = try configuration.makePolicies(.all, shape: model.shape)
    return (model.makeSession(try PagedKVStore(shape: model.shape).makeSequence(policies)), numbers)
  }

  /// A text without meaning, the same in every run.
  func token(_ index: Int, of vocabulary: Int) -> Int { (index &* 7919 &+ index / 5) % vocabulary }

  do {
    let (session, numbers) = try request()
    let vocabulary = session.model.configuration.vocabulary
    let (prompt, warmup, steps) = (numbers[0], numbers[1], numbers[2])
    try session.prefill((0..<prompt).map { token($0, of: vocabulary) })
    for step in 0..<warmup { try session.decode(token(prompt + step, of: vocabulary)) }
    let start = ContinuousClock.now
    CountedMemory.isOn.store(true, ordering: .sequentiallyConsistent)
    for step in 0..<steps { try session.decode(token(step, of: vocabulary)) }
    CountedMemory.isOn.store(false, ordering: .sequentiallyConsistent)
    let rate = Double(steps) / ((ContinuousClock.now - start) / .seconds(1))
    print("\(CountedMemory.calls.load(ordering: .relaxed)) allocations, \(Int(rate)) steps/s")
  } catch {
    FileHandle.standardError.write(Data("AllocationProbe: \(error)\n".utf8))
    exit(1)
  }
#else
  print("allocations cannot be counted on this system")
#endif
