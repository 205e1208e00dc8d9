/// LLVM's prefetch intrinsic, which no module of the toolchain declares. Its arguments must be
/// literals: 0 to read, 3 to keep in every cache level, 1 for data.
@_silgen_name("llvm.prefetch.p0")
@unsafe @usableFromInline package func prefetch(
  _ address: UnsafeRawPointer, _ write: Int32, _ locality: Int32, _ data: Int32)

extension UnsafeRawPointer {
  /// Prefetches `bytes` bytes, without waiting for them.
  ///
  /// A prefetch cannot fault, so the address may be stale.
  @inlinable @inline(__always)
  package func ask(bytes: Int) {
    var offset = 0
    while offset < bytes {
      unsafe prefetch(self + offset, 0, 3, 1)
      offset &+= 64
    }
  }
}
