import Synchronization

/// Where the caller of a `ThreadTeam` posts work, and where its workers take part in it.
///
/// A worker takes part only if it arrives while the gate is open: when the caller has found all work
/// handed out, it closes the gate and waits for those inside, not for a worker the system has not
/// let run yet. On a busy machine that is the difference between microseconds and time slices.
final class TeamBoard: Sendable {
  /// Counts the posts; what an idle worker watches.
  private let round = Atomic<UInt32>(0)
  /// Keeps what idle workers watch and what the caller watches in different cache lines.
  private let gap = SIMD16<Float>.zero
  /// Workers inside, plus `closed` while no work may be taken. Changed by read-modify-write only, so
  /// a worker that is just being turned away is never lost from the count.
  private let gate = Atomic<UInt32>(closed)
  /// The address of the `TeamJob`, which is there while the gate is open or a worker is inside.
  private let job = Atomic<UInt>(0)
  private let isEnding = Atomic<Bool>(false)
  private let caller = Sleeper()

  private static let closed: UInt32 = 1 << 31

  /// Lets the workers at `job`. Everything written before is visible to them.
  func open(_ job: UnsafePointer<TeamJob>, to workers: [TeamWorker]) {
    self.job.store(UInt(bitPattern: job), ordering: .relaxed)
    gate.bitwiseAnd(~Self.closed, ordering: .acquiringAndReleasing)
    call(workers)
  }

  /// Lets no more workers in and waits for those inside. What they wrote is visible afterwards.
  func close() {
    gate.bitwiseOr(Self.closed, ordering: .sequentiallyConsistent)
    caller.wait { gate.load(ordering: .sequentiallyConsistent) == Self.closed }
  }

  /// Sends the workers home.
  func end(_ workers: [TeamWorker]) {
    isEnding.store(true, ordering: .relaxed)
    call(workers)
  }

  private func call(_ workers: [TeamWorker]) {
    // Sequentially consistent, as is the load in `serve`: either the worker sees the new round, or
    // we see that it sleeps.
    round.wrappingAdd(1, ordering: .sequentiallyConsistent)
    for worker in workers { worker.sleeper.wake() }
  }

  /// What a worker does all its life.
  func serve(as number: Int, sleeper: Sleeper) {
    var seen: UInt32 = 0
    while true {
      sleeper.wait { round.load(ordering: .sequentiallyConsistent) != seen }
      seen = round.load(ordering: .acquiring)
      if isEnding.load(ordering: .relaxed) { return }
      let before = gate.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
      if before & Self.closed == 0 {
        let address = job.load(ordering: .relaxed)
        if let job = unsafe UnsafePointer<TeamJob>(bitPattern: address) {
          unsafe job.pointee.work(as: number)
        }
      }
      if gate.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue == Self.closed {
        caller.wake()
      }
    }
  }
}

/// Something that several threads can work on at once.
protocol TeamRegion {
  /// Does a part of the work; returns when there is none left to begin.
  func work(as thread: Int)
}

extension TeamRegion {
  /// The same for the region at `address`, which holds a `Self`.
  @unsafe fileprivate static func work(at address: UnsafeRawPointer, as thread: Int) {
    unsafe address.assumingMemoryBound(to: Self.self).pointee.work(as: thread)
  }
}

/// What the workers are asked to do: a region of any type, which stays where it is.
///
/// Type and address are kept apart, for `any TeamRegion` would put a large region in a box.
@unsafe struct TeamJob {
  private let type: any TeamRegion.Type
  private let address: UnsafeRawPointer

  init<Region: TeamRegion>(_ region: UnsafePointer<Region>) {
    unsafe type = Region.self
    unsafe address = UnsafeRawPointer(region)
  }

  /// Takes part in the region, which is still at its address.
  func work(as thread: Int) {
    unsafe type.work(at: address, as: thread)
  }
}
