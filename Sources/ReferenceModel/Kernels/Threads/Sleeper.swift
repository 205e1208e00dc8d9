import Dispatch
import Foundation
import Synchronization

/// A thread that waits for a condition: it looks for a while, then sleeps until woken.
final class Sleeper: Sendable {
  private let isAsleep = Atomic<Bool>(false)
  private let semaphore = DispatchSemaphore(value: 0)

  /// Returns when `condition` holds. Whoever makes it hold must call `wake` afterwards.
  @inline(__always)
  func wait(_ condition: () -> Bool) {
    while !look(condition) {
      isAsleep.store(true, ordering: .sequentiallyConsistent)
      if condition() && isAsleep.exchange(false, ordering: .sequentiallyConsistent) { return }
      // Either the condition does not hold, or a waker has seen us and its signal is on the way.
      semaphore.wait()
    }
  }

  /// Wakes the thread if it sleeps. A late call may wake it for nothing; it then looks again.
  @inline(__always)
  func wake() {
    if isAsleep.load(ordering: .sequentiallyConsistent)
      && isAsleep.exchange(false, ordering: .sequentiallyConsistent)
    {
      semaphore.signal()
    }
  }

  /// Looks for at most some 200 µs: at first without pause, then letting other threads have the
  /// processor in between, for on a loaded machine the one we wait for may need it.
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
