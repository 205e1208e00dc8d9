import ReferenceModel
import Synchronization

/// Measures the machine's floor, in rounds: the speed of a machine drifts, so a benchmark measures a round
/// between any two of its rows and takes the middle of them all.
struct FloorMeter {
  /// Larger than any cache.
  static let memoryBytes = 256 << 20
  /// Larger than the caches of one core, smaller than what a core has of the shared one.
  static let cacheBytes = 4 << 20
  private let memory: ReadBuffer
  private let cache: ReadBuffer
  private let meters: [TeamMeter]

  /// Takes its buffers and fills them. `memoryBytes` is less in tests only.
  init(threads: Int, memoryBytes: Int = FloorMeter.memoryBytes) {
    memory = ReadBuffer(bytes: memoryBytes)
    cache = ReadBuffer(bytes: Self.cacheBytes * threads)
    // A system short of threads gives smaller teams; each size once.
    var sizes: Set<Int> = []
    meters = MachineFloor.teamSizes(upTo: threads).map(TeamMeter.init)
      .filter { sizes.insert($0.team.threads).inserted }
  }

  /// Measures everything once more.
  func measure(rounds: Int = 1) {
    for _ in 0..<rounds {
      for meter in meters { meter.measure(memory: memory, cache: cache) }
    }
  }

  /// What was measured. At least one round was.
  var floor: MachineFloor {
    MachineFloor(
      memoryBytes: memory.bytes, cacheBytes: Self.cacheBytes, teams: meters.map(\.result))
  }
}

extension MachineFloor {
  /// Operations per second of multiply-adds between registers on so many threads, measured `rounds` times.
  public static func operationRate(threads: Int, rounds: Int = 5) -> Spread {
    let meter = TeamMeter(threads: threads)
    for _ in 0..<rounds { meter.measureArithmetic() }
    return Spread(meter.operationRate)
  }
}

/// What was measured with one number of threads.
private final class TeamMeter {
  /// How often a thread goes through its buffer in the cache, and how many rounds of arithmetic it does:
  /// some milliseconds of each.
  private static let (cachePasses, arithmeticRounds) = (64, 4_000_000)

  let team: ThreadTeam
  private var readBandwidth: [Double] = []
  private var cacheBandwidth: [Double] = []
  private(set) var operationRate: [Double] = []
  /// What all the sums came to; kept, so that no work can be left out.
  private let outcome = Atomic<UInt32>(0)

  init(threads: Int) { team = ThreadTeam(threads: threads) }

  var result: MachineFloor.Team {
    MachineFloor.Team(
      threads: team.threads, readBandwidth: Spread(readBandwidth),
      cacheBandwidth: Spread(cacheBandwidth), operationRate: Spread(operationRate))
  }

  func measure(memory: ReadBuffer, cache: ReadBuffer) {
    let threads = team.threads
    let readSeconds = timed { memory.sum(part: $0, of: threads) }
    readBandwidth.append(Double(memory.bytes) / readSeconds)

    let parts = cache.bytes / FloorMeter.cacheBytes
    // Brings each part into the cache.
    _ = timed { cache.sum(part: $0, of: parts) }
    let cacheSeconds = timed { thread in
      (0..<Self.cachePasses).reduce(0) { sum, _ in cache.sum(part: thread, of: parts, from: sum) }
    }
    let cacheBytes = FloorMeter.cacheBytes * threads * Self.cachePasses
    cacheBandwidth.append(Double(cacheBytes) / cacheSeconds)
    measureArithmetic()
  }

  func measureArithmetic() {
    let (threads, rounds) = (team.threads, Self.arithmeticRounds)
    let arithmeticSeconds = timed { FloatArithmetic.multiplyAdds(rounds: rounds, seed: Float($0)) }
    operationRate.append(
      Double(threads * rounds) * FloatArithmetic.operationsPerRound / arithmeticSeconds)
  }

  /// Seconds until every thread has done its part.
  private func timed(_ body: (_ thread: Int) -> Float) -> Double {
    // Calls the workers and keeps them busy for a moment, so that none of them has to be woken, or moved
    // to a processor of its own, in the time that counts.
    for _ in 0..<4 {
      run { FloatArithmetic.multiplyAdds(rounds: Self.arithmeticRounds / 16, seed: Float($0)) }
    }
    let start = ContinuousClock.now
    run(body)
    return max((ContinuousClock.now - start).seconds, 1e-9)
  }

  private func run(_ body: (_ thread: Int) -> Float) {
    team.run { thread in
      outcome.bitwiseXor(body(thread).bitPattern, ordering: .relaxed)
    }
  }
}
