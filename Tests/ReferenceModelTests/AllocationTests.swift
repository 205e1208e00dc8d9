import Foundation
import ReferenceModel
import Testing

/// The allocations of a decode step, counted by the program `AllocationProbe` in its own process.
@Suite("Memory of a decode step", .enabled(if: Probe.canCount, "counting needs glibc, unsanitised"))
struct AllocationTests {
  /// Policies that keep 64 rows a lane.
  static let constantSize = [
    #"{"policy": "streamingllm", "sinks": 4, "recent": 60}"#,
    #"{"policy": "streamingllm", "sinks": 4, "recent": 60, "positions": "original"}"#,
    #"{"policy": "h2o", "heavy": 32, "recent": 32}"#,
    #"{"policy": "h2o", "heavy": 32, "recent": 32, "gqa": "max", "score": "average"}"#,
    #"{"policy": "tova", "capacity": 64}"#,
    #"{"policy": "tova", "capacity": 64, "read": {"kind": "quest", "pageSize": 1, "budget": 16}}"#,
    #"{"policy": "morphkv", "window": 8, "capacity": 64}"#,
    #"{"policy": "morphkv", "window": 8, "capacity": 64, "fusion": "sum", "voters": 50, "sinks": 4}"#,
  ]
  static let steps = 2000
  /// Many more steps than a cache of 64 rows needs to show memory that grows with the steps.
  static let manySteps = 10_000

  @Test(
    "a full cache of constant size decodes without asking for memory", arguments: constantSize,
    [1, 2])
  func fullCache(_ configuration: String, threads: Int) throws {
    #expect(
      try Probe.allocations(configuration, steps: Self.manySteps, threads: threads) == 0)
  }

  @Test("so it does with biases or head norms", arguments: ["qwen2", "qwen3"])
  func biasesAndNorms(_ name: String) throws {
    #expect(
      try Probe.allocations(
        Self.constantSize[0], of: OracleCase.root + "/models/\(name)", steps: Self.steps,
        threads: 2) == 0)
  }

  @Test("so it does in integer arithmetic", arguments: [1, 2])
  func integers(threads: Int) throws {
    try withTemporaryFolder { folder in
      let model = "\(folder)/tiny.gguf"
      try writeFile(TinyGGUF.numbered(.q4_1).bytes, to: model)
      #expect(
        try Probe.allocations(
          Self.constantSize[0], of: model, steps: Self.steps, threads: threads,
          arithmetic: .integer) == 0)
    }
  }

  @Test(
    "a cache that grows asks for memory less than once a step, and ever less often",
    arguments: [
      #"{"policy": "full"}"#, #"{"policy": "snapkv", "capacity": 64, "window": 8}"#,
      #"{"policy": "quest", "budget": 64, "denseLayers": 1}"#,
      #"{"policy": "refreshkv", "partial": 64, "threshold": null}"#,
      #"{"policy": "retroattention", "page": 16, "pages": 4, "window": 3}"#,
    ],
    [1, 2])
  func growingCache(_ configuration: String, threads: Int) throws {
    let short = try Probe.allocations(configuration, steps: Self.steps, threads: threads)
    // Arrays double when they grow: twice the steps may double each array once, but may not
    // allocate as often again.
    let long = try Probe.allocations(configuration, steps: 2 * Self.steps, threads: threads)
    #expect(0 < short && short < Self.steps)
    #expect(long - short < short)
  }

  @Test("one allocation more in every step would be seen, whichever function gives it")
  func control() throws {
    let plain = try Probe.allocations(Self.constantSize[0], steps: Self.steps, threads: 2)
    let more = try Probe.allocations(Self.constantSize[0], steps: Self.steps, threads: 2, extra: 1)
    let functions = ["malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign"]
    #expect(more - plain == Self.steps * functions.count)
  }
}

/// The counting program.
private enum Probe {
  /// Whether counting works here: the program replaces functions of the C library, as sanitisers
  /// do.
  static let canCount: Bool = {
    #if canImport(Glibc)
      return unsafe dlsym(nil, "__asan_init") == nil && dlsym(nil, "__tsan_init") == nil
    #else
      return false
    #endif
  }()

  /// The number of allocations of `steps` decode steps, after the cache is full.
  static func allocations(
    _ configuration: String, of model: String = OracleCase.root + "/models/llama", steps: Int,
    threads: Int, extra: Int = 0, arithmetic: Arithmetic = .exact
  ) throws -> Int {
    let (prompt, warmup) = (80, 200)
    let numbers = [prompt, warmup, steps, threads, extra].map(String.init)
    let text = try SiblingProgram.run(
      "AllocationProbe", [model, configuration] + numbers + [arithmetic.rawValue])
    return try #require(text.split(separator: " ").first.flatMap { Int($0) }, "\(text)")
  }
}
