#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A mapped file, or a copy of bytes; read-only while the object lives.
///
/// Every access goes through a method that checks the range against the size the file had when it
/// was mapped. (A mapping cannot defend against a process that shortens the file afterwards; the
/// system then sends a signal, SIGBUS, for which `kvpolicy` has a message.)
@safe package final class MappedFile: @unchecked Sendable {
  // @unchecked: the bytes are a private copy or a private mapping, and read-only from `init` to
  // `deinit`. No other state changes.

  /// How `deinit` frees the bytes.
  private enum Owner {
    /// The bytes are a mapping; `munmap` frees them.
    case mapping
    /// The bytes were allocated for this object; `deallocate` frees them.
    case allocation
  }

  /// The path of the file, or the name given to the bytes, for messages.
  package let path: String
  /// The file's size in bytes; at least 1.
  package let count: Int
  /// First of `count` readable bytes; a mapping is page-aligned, a copy aligned to 64 bytes.
  @unsafe private let base: UnsafeRawPointer
  private let owner: Owner

  /// Maps the regular file at `path`. Throws for a missing, unreadable, empty or special file, and
  /// for a file that stands in place of the true one: a Git LFS pointer or a web page.
  package init(_ path: String) throws(ModelError) {
    guard !path.utf8.contains(0) else {
      throw ModelError.unreadable(path: path, reason: "the path contains a zero byte")
    }
    // Without O_NONBLOCK, opening a pipe without a writer would block.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw ModelError.unreadable(path: path, reason: MappedFile.lastSystemError())
    }
    defer { close(descriptor) }
    let size = try MappedFile.sizeOfRegularFile(descriptor, path: path)
    guard let address = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0),
      unsafe address != MAP_FAILED
    else {
      throw ModelError.unreadable(path: path, reason: MappedFile.lastSystemError())
    }
    self.path = path
    self.count = size
    unsafe self.base = UnsafeRawPointer(address)
    owner = .mapping
    if let placeholder = ForeignFile.placeholder(in: self) {
      throw ModelError.unreadable(path: path, reason: placeholder)
    }
  }

  /// Copies `bytes` and treats the copy as a file called `name`.
  package init(_ bytes: [UInt8], name: String) throws(ModelError) {
    try MappedFile.checkNotEmpty(bytes.count, path: name)
    path = name
    count = bytes.count
    unsafe base = unsafe bytes.withUnsafeBytes { unsafe MappedFile.copy($0) }
    owner = .allocation
  }

  /// Copies `bytes` bytes of `file`, from `offset` on, to an aligned address.
  init(copying file: MappedFile, from offset: Int, bytes: Int) throws(ModelError) {
    try MappedFile.checkNotEmpty(bytes, path: file.path)
    guard let source = unsafe file.pointer(at: offset, bytes: bytes) else {
      throw .malformed(file: file.path, reason: "\(bytes) bytes from \(offset) on are not in it")
    }
    path = file.path
    count = bytes
    // `pointer` proved that the range is inside the mapping.
    unsafe base = unsafe MappedFile.copy(UnsafeRawBufferPointer(start: source, count: bytes))
    owner = .allocation
  }

  /// A copy of a buffer in memory of its own, which starts on a cache line, as a mapping does.
  private static func copy(_ source: UnsafeRawBufferPointer) -> UnsafeRawPointer {
    let copy = UnsafeMutableRawPointer.allocate(byteCount: source.count, alignment: 64)
    // Source and copy both have `source.count` bytes.
    unsafe UnsafeMutableRawBufferPointer(start: copy, count: source.count).copyMemory(from: source)
    return UnsafeRawPointer(copy)
  }

  deinit {
    let start = unsafe UnsafeMutableRawPointer(mutating: base)
    switch owner {
    case .mapping: unsafe munmap(start, count)
    case .allocation: unsafe start.deallocate()
    }
  }

  /// The little-endian integer at byte `offset`; nil if it is not entirely inside the file.
  package func integer<Number: FixedWidthInteger>(at offset: Int, as type: Number.Type) -> Number? {
    guard let address = unsafe pointer(at: offset, bytes: MemoryLayout<Number>.size) else {
      return nil
    }
    // `pointer` proved that the whole integer is inside the mapping.
    return unsafe Number(littleEndian: address.loadUnaligned(as: Number.self))
  }

  /// A copy of `bytes` bytes from `offset` on; nil if the range is not inside the file.
  package func copy(at offset: Int, bytes: Int) -> [UInt8]? {
    guard let address = unsafe pointer(at: offset, bytes: bytes) else { return nil }
    // `pointer` proved that the range is inside the mapping.
    return unsafe [UInt8](UnsafeRawBufferPointer(start: address, count: bytes))
  }

  /// At most the first `limit` bytes.
  func start(_ limit: Int) -> [UInt8] { copy(at: 0, bytes: min(limit, count)) ?? [] }

  /// `bytes` bytes from `offset` on as text; nil if the range is not inside the file or not UTF-8.
  package func text(at offset: Int, bytes: Int) -> String? {
    guard let address = unsafe pointer(at: offset, bytes: bytes) else { return nil }
    // `pointer` proved that the range is inside the mapping; bytes may be read as UInt8 anywhere.
    let start = unsafe address.assumingMemoryBound(to: UInt8.self)
    return unsafe String(
      validating: UnsafeBufferPointer(start: start, count: bytes), as: UTF8.self)
  }

  /// The address of byte `offset`; nil unless `bytes` bytes from `offset` on are inside the file.
  /// The address is valid for reading `bytes` bytes while this object lives.
  @unsafe package func pointer(at offset: Int, bytes: Int) -> UnsafeRawPointer? {
    // `count - bytes` cannot overflow: both are checked to be non-negative first.
    guard offset >= 0, bytes >= 0, bytes <= count, offset <= count - bytes else { return nil }
    return unsafe base + offset
  }
}

extension MappedFile {
  /// Whether `path` is a folder; false for any other kind of file and for a missing path.
  static func isFolder(_ path: String) -> Bool {
    var information = stat()
    guard unsafe stat(path, &information) == 0 else { return false }
    return information.st_mode & S_IFMT == S_IFDIR
  }

  /// The size of an open file; throws for a file that cannot be mapped.
  private static func sizeOfRegularFile(
    _ descriptor: Int32, path: String
  ) throws(ModelError) -> Int {
    var information = stat()
    guard unsafe fstat(descriptor, &information) == 0 else {
      throw ModelError.unreadable(path: path, reason: lastSystemError())
    }
    switch information.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw ModelError.unreadable(path: path, reason: "it is a folder, not a file")
    default: throw ModelError.unreadable(path: path, reason: "it is not a regular file")
    }
    let size = Int(exactly: information.st_size) ?? 0
    try checkNotEmpty(size, path: path)
    return size
  }

  private static func checkNotEmpty(_ size: Int, path: String) throws(ModelError) {
    guard size > 0 else { throw ModelError.malformed(file: path, reason: "the file is empty") }
  }

  /// The system's message for the last failed system call.
  private static func lastSystemError() -> String {
    // strerror returns a zero-terminated string that is valid until the next call, so it is copied.
    guard let text = unsafe strerror(errno) else { return "unknown system error" }
    return unsafe String(cString: text)
  }
}
