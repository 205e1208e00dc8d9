// The C library's allocation functions, each counted and passed on.
//
// A program that defines `malloc` and its siblings receives the calls of all libraries it is linked
// with: the Swift runtime, Foundation and the C library itself. Swift reserves some of these names,
// so the linker assigns them (Package.swift). `free` need not be replaced.
#if canImport(Glibc)
  import Glibc
  import Synchronization

  /// Counts allocations.
  enum CountedMemory {
    // The optimiser turns both into plain memory. If they were made on first use, they would
    // allocate.
    /// Whether calls are counted.
    static let isOn = Atomic<Bool>(false)
    /// The number of calls while `isOn` was true.
    static let calls = Atomic<Int>(0)

    /// Counts one call.
    @inline(__always)
    static func note() {
      if isOn.load(ordering: .relaxed) { calls.add(1, ordering: .relaxed) }
    }

    /// Calls each replaced function once, to show that it is counted.
    static func useEveryFunction() {
      unsafe dispose(malloc(64))
      unsafe dispose(realloc(calloc(1, 64), 128))
      unsafe dispose(aligned_alloc(64, 64))
      var aligned: UnsafeMutableRawPointer?
      if unsafe posix_memalign(&aligned, 64, 64) == 0 { unsafe dispose(aligned) }
    }

    /// Frees memory in a way that makes the optimiser believe it was used; otherwise it would drop
    /// the allocation.
    @unsafe private static func dispose(_ memory: UnsafeMutableRawPointer?) {
      lastAddress.store(UInt(bitPattern: memory), ordering: .relaxed)
      unsafe free(memory)
    }

    private static let lastAddress = Atomic<UInt>(0)
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
  @_cdecl("counted_calloc") @unsafe
  public func countedAllocate(_ count: Int, _ size: Int) -> UnsafeMutableRawPointer? {
    CountedMemory.note()
    return unsafe libraryAllocate(count, size)
  }

  /// `realloc`
  @_cdecl("counted_realloc") @unsafe
  public func countedResize(
    _ old: UnsafeMutableRawPointer?, _ size: Int
  ) -> UnsafeMutableRawPointer? {
    CountedMemory.note()
    return unsafe libraryResize(old, size)
  }

  /// `memalign`
  @_cdecl("counted_memalign") @unsafe
  public func countedAlign(_ alignment: Int, _ size: Int) -> UnsafeMutableRawPointer? {
    CountedMemory.note()
    return unsafe libraryAlign(alignment, size)
  }

  /// `aligned_alloc`
  @_cdecl("counted_aligned_alloc") @unsafe
  public func countedAlignC11(_ alignment: Int, _ size: Int) -> UnsafeMutableRawPointer? {
    CountedMemory.note()
    return unsafe libraryAlign(alignment, size)
  }

  /// `posix_memalign`
  @_cdecl("counted_posix_memalign") @unsafe
  public func countedAlignPOSIX(
    _ target: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ size: Int
  ) -> CInt {
    CountedMemory.note()
    guard let memory = unsafe libraryAlign(alignment, size) else { return ENOMEM }
    unsafe target.pointee = unsafe memory
    return 0
  }
#endif
