internal import Foundation

/// Runs `body` and measures the processor time that it takes on the calling thread. Other work on
/// the machine does not add to it, so a bound on it also holds while other tests run.
package func measuringProcessorTime<Result>(
  _ body: () throws -> Result
) rethrows -> (result: Result, time: Duration) {
  let start = now()
  let result = try body()
  return (result, now() - start)
}

/// The processor time of the calling thread since the thread began.
private func now() -> Duration {
  var time = timespec()
  // The call fills only the structure it receives; every system with threads has this clock.
  _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}
