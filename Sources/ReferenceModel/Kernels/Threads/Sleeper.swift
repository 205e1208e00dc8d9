import Dispatch
import Foundation
import Synchronization

/// Lets one thread wait for a condition: it spins for a while, then sleeps until woken.
final class Sleeper: Sendable {
  private let isAsleep = Atomic<Bool>(false)
  private let semaphore = DispatchSemaphore(value: 0)

  /// Returns when `condition` holds. The thread that makes it hold must call `wake` afterwards.
  @inline(__always)
  func wait(_ condition: () -> Bool) {
    while !look(condition) {
      isAsleep.store(true, ordering: .sequentiallyConsistent)
      if condition() && isAsleep.exchange(false, ordering: .sequentiallyConsistent) { return }
      // Either the condition does not hold, or a waker has seen this thread asleep and its signal
      // is on the way.
      semaphore.wait()
    }
  }

  /// Wakes the thread if it sleeps. A late call may wake it needlessly; the thread then checks
  /// again.
  @inline(__always)
  func wake() {
    if isAsleep.load(ordering: .sequentiallyConsistent)
      && isAsleep.exchange(false, ordering: .sequentiallyConsistent)
    {
      semaphore.signal()
    }
  }

  /// Spins for at most about 200 µs. At first it does not pause. Then it yields the processor in
  /// between, because on a loaded machine the thread it waits for may need the processor.
  @inline(__always)
  private func look(_ condition: () -> Bool) -> Bool {
    for _ in 0..<4000 where condition() { return true }
    let start = DispatchTime.now().uptimeNanoseconds
    repeat {
      for _ in 0..<100 where condition() { return true }
      sched_yield()
    } while DispatchTime.now().uptimeNanoseconds &- start < 200_000
    return condition()
  }
}
