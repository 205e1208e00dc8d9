/// The compiler's own function, which no module of the toolchain declares. It wants literals: 0 to read, 3 to
/// keep, 1 for data.
@_silgen_name("llvm.prefetch.p0")
@unsafe private func prefetch(
  _ address: UnsafeRawPointer, _ write: Int32, _ locality: Int32, _ data: Int32)

extension UnsafeRawPointer {
  /// Asks memory for the lines of some bytes, without waiting for them.
  ///
  /// Nothing is read: what is there does not matter, nor whether anything is.
  @inline(__always)
  package func ask(bytes: Int) {
    var offset = 0
    while offset < bytes {
      unsafe prefetch(self + offset, 0, 3, 1)
      offset &+= 64
    }
  }
}
