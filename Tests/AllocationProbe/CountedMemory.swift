/// The C library's allocation functions, each counted and passed on.
///
/// A program that defines these names gets the calls of everything it is linked with: the Swift
/// runtime, Foundation and the C library itself. `free` need not be among them.
#if canImport(Glibc)
  import Glibc
  import Synchronization

  /// How often memory was asked for while `isOn`.
  ///
  /// Static and not lazy: a lazy one would ask for memory to begin with.
  enum CountedMemory {
    static let isOn = Atomic<Bool>(false)
    static let calls = Atomic<Int>(0)

    /// Counts one call.
    @inline(__always)
    static func note() {
      if isOn.load(ordering: .relaxed) { calls.add(1, ordering: .relaxed) }
    }
  }

  @_silgen_name("__libc_malloc")
  @unsafe private func libraryAllocate(_ size: Int) -> UnsafeMutableRawPointer?
  @_silgen_name("__libc_calloc")
  @unsafe private func libraryAllocate(_ count: Int, _ size: Int) -> UnsafeMutableRawPointer?
  @_silgen_name("__libc_realloc")
  @unsafe private func libraryResize(
    _ old: UnsafeMutableRawPointer?, _ size: Int
  ) -> UnsafeMutableRawPointer?
  @_silgen_name("__libc_memalign")
  @unsafe private func libraryAlign(_ alignment: Int, _ size: Int) -> UnsafeMutableRawPointer?

  /// `malloc`
  @_cdecl("counted_malloc") @unsafe
  public func countedAllocate(_ size: Int) -> UnsafeMutableRawPointer? {
    CountedMemory.note()
    return unsafe libraryAllocate(size)
  }

  /// `calloc`
  @_cdecl("calloc") @unsafe
  public func countedAllocate(_ count: Int, _ size: Int) -> UnsafeMutableRawPointer? {
    CountedMemory.note()
    return unsafe libraryAllocate(count, size)
  }

  /// `realloc`
  @_cdecl("realloc") @unsafe
  public func countedResize(
    _ old: UnsafeMutableRawPointer?, _ size: Int
  ) -> UnsafeMutableRawPointer? {
    CountedMemory.note()
    return unsafe libraryResize(old, size)
  }

  /// `memalign`
  @_cdecl("memalign") @unsafe
  public func countedAlign(_ alignment: Int, _ size: Int) -> UnsafeMutableRawPointer? {
    CountedMemory.note()
    return unsafe libraryAlign(alignment, size)
  }

  /// `aligned_alloc`
  @_cdecl("aligned_alloc") @unsafe
  public func countedAlignC11(_ alignment: Int, _ size: Int) -> UnsafeMutableRawPointer? {
    CountedMemory.note()
    return unsafe libraryAlign(alignment, size)
  }

  /// `posix_memalign`
  @_cdecl("posix_memalign") @unsafe
  public func countedAlignPOSIX(
    _ target: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ size: Int
  ) -> CInt {
    CountedMemory.note()
    guard let memory = unsafe libraryAlign(alignment, size) else { return ENOMEM }
    unsafe target.pointee = unsafe memory
    return 0
  }
#endif
