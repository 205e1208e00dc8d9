import Synchronization

/// Connects the caller of a `ThreadTeam`, who posts work, with the workers that take part in it.
///
/// A worker takes part only if it arrives while the gate is open. When all work is handed out, the
/// caller closes the gate and waits only for the workers inside, not for a worker that the system
/// has not scheduled yet. On a busy machine this is the difference between microseconds and time
/// slices.
final class TeamBoard: Sendable {
  /// Counts the posts; idle workers watch it.
  private let round = Atomic<UInt32>(0)
  /// Padding: keeps the variables of idle workers and the variables of the caller in different
  /// cache lines.
  private let gap = SIMD16<Float>.zero
  /// The number of workers inside, plus `closed` while no work may be taken. Changed by
  /// read-modify-write only, so the count never loses a worker that is being turned away.
  private let gate = Atomic<UInt32>(closed)
  /// The address of the `TeamJob`, which is valid while the gate is open or a worker is inside.
  private let job = Atomic<UInt>(0)
  private let isEnding = Atomic<Bool>(false)
  private let caller = Sleeper()

  private static let closed: UInt32 = 1 << 31

  /// Lets the workers start on `job`. Everything written before is visible to them.
  func open(_ job: UnsafePointer<TeamJob>, to workers: [TeamWorker]) {
    self.job.store(UInt(bitPattern: job), ordering: .relaxed)
    gate.bitwiseAnd(~Self.closed, ordering: .acquiringAndReleasing)
    call(workers)
  }

  /// Lets no more workers in and waits for those inside to leave. Everything they wrote is visible
  /// afterwards.
  func close() {
    gate.bitwiseOr(Self.closed, ordering: .sequentiallyConsistent)
    caller.wait { gate.load(ordering: .sequentiallyConsistent) == Self.closed }
  }

  /// Ends the workers' threads.
  func end(_ workers: [TeamWorker]) {
    isEnding.store(true, ordering: .relaxed)
    call(workers)
  }

  private func call(_ workers: [TeamWorker]) {
    // Sequentially consistent, like the load in `serve`: either the worker sees the new round, or
    // this thread sees that the worker sleeps.
    round.wrappingAdd(1, ordering: .sequentiallyConsistent)
    for worker in workers { worker.sleeper.wake() }
  }

  /// The loop of a worker thread, until `end`.
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

/// Work that several threads can share.
protocol TeamRegion {
  /// Does a part of the work; returns when no part is left to begin.
  func work(as thread: Int)
}

extension TeamRegion {
  /// Does a part of the work of the region at `address`, which holds a `Self`.
  @unsafe fileprivate static func work(at address: UnsafeRawPointer, as thread: Int) {
    unsafe address.assumingMemoryBound(to: Self.self).pointee.work(as: thread)
  }
}

/// The work that workers are asked to do: a region of any type, which stays at its address.
///
/// Type and address are separate, because `any TeamRegion` would box a large region on the heap.
@unsafe struct TeamJob {
  private let type: any TeamRegion.Type
  private let address: UnsafeRawPointer

  init<Region: TeamRegion>(_ region: UnsafePointer<Region>) {
    unsafe type = Region.self
    unsafe address = UnsafeRawPointer(region)
  }

  /// Takes part in the region, which must still be at its address.
  func work(as thread: Int) {
    unsafe type.work(at: address, as: thread)
  }
}
