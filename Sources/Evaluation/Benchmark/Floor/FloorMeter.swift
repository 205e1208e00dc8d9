import ReferenceModel
import Synchronization

/// Measures the machine's floor, in rounds. The speed of a machine drifts, so a benchmark measures
/// one round after each of its runs and takes the median of all rounds.
struct FloorMeter {
  /// Larger than any cache.
  static let memoryBytes = 256 << 20
  /// Larger than the private caches of one core, and smaller than a core's share of the shared
  /// cache.
  static let cacheBytes = 4 << 20
  private let memory: ReadBuffer
  private let cache: ReadBuffer
  private let meters: [TeamMeter]

  /// Allocates and fills the buffers. Only tests pass less `memoryBytes`.
  init(threads: Int, memoryBytes: Int = FloorMeter.memoryBytes) {
    memory = ReadBuffer(bytes: memoryBytes)
    cache = ReadBuffer(bytes: Self.cacheBytes * threads)
    // A system that lacks threads gives smaller teams, so each size is measured once.
    var sizes: Set<Int> = []
    meters = MachineFloor.teamSizes(upTo: threads).map(TeamMeter.init)
      .filter { sizes.insert($0.team.threads).inserted }
  }

  /// Adds `rounds` measurements of every quantity.
  func measure(rounds: Int = 1) {
    for _ in 0..<rounds {
      for meter in meters { meter.measure(memory: memory, cache: cache) }
    }
  }

  /// The results so far; at least one round must be measured.
  var floor: MachineFloor {
    MachineFloor(
      memoryBytes: memory.bytes, cacheBytes: Self.cacheBytes, teams: meters.map(\.result))
  }
}

extension MachineFloor {
  /// Operations per second of multiply-adds between registers on `threads` threads, measured
  /// `rounds` times.
  public static func operationRate(threads: Int, rounds: Int = 5) -> Spread {
    let meter = TeamMeter(threads: threads)
    for _ in 0..<rounds { meter.measureArithmetic() }
    return Spread(meter.operationRate)
  }
}

/// The measurements with one number of threads.
private final class TeamMeter {
  /// Passes of a thread over its buffer in the cache, and rounds of arithmetic: some milliseconds
  /// of each.
  private static let (cachePasses, arithmeticRounds) = (64, 4_000_000)

  let team: ThreadTeam
  private var readBandwidth: [Double] = []
  private var cacheBandwidth: [Double] = []
  private(set) var operationRate: [Double] = []
  /// All sums are folded into this value, so that the compiler cannot drop any work.
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
    // Loads each part into the cache.
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

  /// Seconds until every thread has finished its part.
  private func timed(_ body: (_ thread: Int) -> Float) -> Double {
    // Starts the workers and keeps them busy for a moment. No worker then has to be woken, or moved
    // to its own processor, in the timed part.
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
