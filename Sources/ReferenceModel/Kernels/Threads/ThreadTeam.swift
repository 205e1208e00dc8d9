import Synchronization

/// A fixed set of threads that carry out one piece of work together, again and again.
///
/// A decode step is a few hundred matrix products of some microseconds each, so a worker that has
/// just finished keeps looking for the next piece for a short while, and sleeps only when none
/// comes: a busy model pays no wake-ups, an idle one no processor time.
package final class ThreadTeam: Sendable {
  /// Threads that work, the caller's included.
  package let threads: Int

  private let board = TeamBoard()
  private let workers: [TeamWorker]
  /// One per thread.
  private let cursors: [Cursor]
  /// One region at a time. A region started inside another on the same thread is a programmer error.
  private let lock = Mutex(())

  /// Starts `threads − 1` workers; the caller of `run` is the remaining thread.
  ///
  /// The system may refuse some of them; the team is then smaller, which `threads` tells.
  /// - Precondition: `threads` is at least 1.
  package init(threads: Int) {
    precondition(threads >= 1, "a team has at least one thread")
    var workers: [TeamWorker] = []
    for number in 1..<max(threads, 1) {
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

  /// Runs `body` over `0..<count` in runs of `grain` items (some may be shorter), each item once, and
  /// returns when all are done. What `body` wrote is visible to the caller afterwards. `thread`, in
  /// `0..<threads`, is never used by two calls of `body` at the same time.
  ///
  /// Every thread begins with a part of its own and goes through it in order, as memory likes it;
  /// when it is through, it helps the others, so a thread the system interrupts holds nobody up.
  ///
  /// A decode step may allocate nothing, so `body` works on `input`, which stays on the caller's stack,
  /// and captures nothing: captured variables would be boxed for each region.
  package func share<Input>(
    _ count: Int, grain: Int, with input: Input,
    _ body: @escaping (_ input: borrowing Input, _ thread: Int, _ range: Range<Int>) -> Void
  ) {
    precondition(grain > 0, "work is shared out in runs of at least one item")
    if threads == 1 || count <= grain {
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
      // No worker uses the job after `close`, so the pointers are never used after these scopes.
      unsafe withUnsafePointer(to: region) { address in
        unsafe withUnsafePointer(to: TeamJob(address)) { job in
          unsafe board.open(job, to: workers)
          region.work(as: 0)
          board.close()
        }
      }
    }
  }

  /// The same with a `body` that captures what it needs, at the price of an allocation or two: for
  /// prompts and tests.
  package func share(
    _ count: Int, grain: Int, _ body: (_ thread: Int, _ range: Range<Int>) -> Void
  ) {
    withoutActuallyEscaping(body) { body in
      share(count, grain: grain, with: body) { body, thread, range in body(thread, range) }
    }
  }

  /// Runs `body` once for every number in `0..<threads`, at the same time as far as the machine
  /// allows, and returns when all are done. For prompts and tests, as above.
  package func run(_ body: (_ thread: Int) -> Void) {
    share(threads, grain: 1) { _, numbers in
      for number in numbers { body(number) }
    }
  }
}

/// One region: work that a team's threads hand out among themselves.
private struct Region<Input>: TeamRegion {
  let count: Int
  let grain: Int
  let runs: Int
  let cursors: [Cursor]
  let input: Input
  let body: (borrowing Input, Int, Range<Int>) -> Void

  /// Takes runs until none is left.
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

/// The next run of a thread's part that is not taken yet, alone in its cache line.
private final class Cursor: Sendable {
  let next = Atomic<Int>(0)
  private let gap = SIMD16<Float>.zero
}
