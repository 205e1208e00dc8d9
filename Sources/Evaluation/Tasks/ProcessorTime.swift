#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// The processor time of the calling thread, which leaves out other work on the machine. For a
/// thread that is never interrupted, it advances like wall-clock time.
struct ProcessorTime {
  /// Seconds since the thread began.
  let seconds: Double

  /// Reads the clock.
  static func now() -> ProcessorTime {
    var time = timespec()
    // The call fills only the structure it receives; every system with threads has this clock.
    _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return ProcessorTime(seconds: Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9)
  }
}
