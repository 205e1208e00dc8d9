import Synchronization

/// A fixed set of threads that run one parallel loop after another.
///
/// A decode step is a few hundred matrix products of some microseconds each. So a worker that has
/// just finished spins for a short while, and sleeps only when no work arrives: a busy model pays
/// no wake-ups, an idle model no processor time.
package final class ThreadTeam: Sendable {
  /// Number of threads that work, including the caller's.
  package let threads: Int

  private let board = TeamBoard()
  private let workers: [TeamWorker]
  /// One cursor per thread.
  private let cursors: [Cursor]
  /// Only one region may run at a time. Starting a region inside another on the same thread is a
  /// programmer error.
  private let lock = Mutex(())
  /// Whether a caller does an errand within a region. Regions that begin meanwhile, perhaps in the
  /// errand itself, run on their caller's thread alone.
  private let isOnErrand = Atomic<Bool>(false)

  /// The most threads of a team. More would only wait for each other.
  package static let mostThreads = 256

  /// Starts `threads − 1` workers, but no more than `mostThreads − 1`; the caller of `run` is the
  /// remaining thread.
  ///
  /// If the system refuses some of the threads, the team is smaller, as `threads` then says.
  /// - Precondition: `threads` is at least 1.
  package init(threads: Int) {
    precondition(threads >= 1, "a team has at least one thread")
    var workers: [TeamWorker] = []
    for number in 1..<min(threads, ThreadTeam.mostThreads) {
      guard let worker = TeamWorker(number: number, board: board) else { break }
      workers.append(worker)
    }
    self.workers = workers
    self.threads = workers.count + 1
    cursors = (0...workers.count).map { _ in Cursor() }
  }

  deinit {
    board.end(workers)
    for worker in workers { worker.join() }
  }

  /// Runs `body` over `0..<count` in batches of `grain` items (some may be shorter), each item
  /// once, and returns when all are done.
  ///
  /// Everything `body` wrote is visible to the caller afterwards. Two simultaneous calls of `body`
  /// never get the same `thread`, which is in `0..<threads`.
  ///
  /// Every thread begins with its part of the items and goes through it in order, which suits the
  /// memory. Afterwards it helps the other threads, so a thread that the system interrupts delays
  /// no other.
  ///
  /// A decode step may allocate nothing, so `body` works on `input`, which stays on the caller's
  /// stack, and captures nothing: captured variables would be boxed for each region.
  ///
  /// - Parameter errand: what the caller does before it takes part, while the other threads work.
  ///   It may change nothing that `body` reads.
  package func share<Input>(
    _ count: Int, grain: Int, with input: Input, beside errand: () -> Void = {},
    _ body: @escaping (_ input: borrowing Input, _ thread: Int, _ range: Range<Int>) -> Void
  ) {
    precondition(grain > 0, "work is shared out in runs of at least one item")
    if threads == 1 || count <= grain || isOnErrand.load(ordering: .relaxed) {
      errand()
      if count > 0 { body(input, 0, 0..<count) }
      return
    }
    let region = Region(
      count: count, grain: grain, runs: (count + grain - 1) / grain, cursors: cursors,
      input: input, body: body)
    lock.withLock { _ in
      for thread in 0..<threads {
        cursors[thread].next.store(region.runs * thread / threads, ordering: .relaxed)
      }
      // No worker uses the job after `close`, so neither pointer is used after these scopes.
      unsafe withUnsafePointer(to: region) { address in
        unsafe withUnsafePointer(to: TeamJob(address)) { job in
          unsafe board.open(job, to: workers)
          isOnErrand.store(true, ordering: .relaxed)
          errand()
          isOnErrand.store(false, ordering: .relaxed)
          region.work(as: 0)
          board.close()
        }
      }
    }
  }

  /// Runs a `body` that captures its variables, at the cost of an allocation or two: for prompts
  /// and tests.
  package func share(
    _ count: Int, grain: Int, _ body: (_ thread: Int, _ range: Range<Int>) -> Void
  ) {
    withoutActuallyEscaping(body) { body in
      share(count, grain: grain, with: body) { body, thread, range in body(thread, range) }
    }
  }

  /// Runs `body` once for every number in `0..<threads`, in parallel as far as the machine allows,
  /// and returns when all calls are done. For prompts and tests, because `body` captures its
  /// variables.
  package func run(_ body: (_ thread: Int) -> Void) {
    share(threads, grain: 1) { _, numbers in
      for number in numbers { body(number) }
    }
  }
}

/// One region: work that a team's threads divide among themselves.
private struct Region<Input>: TeamRegion {
  let count: Int
  let grain: Int
  let runs: Int
  let cursors: [Cursor]
  let input: Input
  let body: (borrowing Input, Int, Range<Int>) -> Void

  /// Takes batches until none is left.
  func work(as thread: Int) {
    for offset in cursors.indices {
      let part = (thread + offset) % cursors.count
      let end = runs * (part + 1) / cursors.count
      while true {
        let run = cursors[part].next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard run < end else { break }
        body(input, thread, run * grain..<min(run * grain + grain, count))
      }
    }
  }
}

/// The next batch of a thread's part that is not taken yet, alone in its cache line.
private final class Cursor: Sendable {
  let next = Atomic<Int>(0)
  private let gap = SIMD16<Float>.zero
}
