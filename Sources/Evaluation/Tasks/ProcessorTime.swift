#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// The time for which a processor has worked for the calling thread: what else runs on the machine does not
/// count. Where the thread was never interrupted, it passes as the time on the wall does.
struct ProcessorTime {
  /// Seconds since the thread began.
  let seconds: Double

  /// Reads the clock.
  static func now() -> ProcessorTime {
    var time = timespec()
    // The call fills the one structure it is given; every system that has threads has this clock.
    _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return ProcessorTime(seconds: Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9)
  }
}
